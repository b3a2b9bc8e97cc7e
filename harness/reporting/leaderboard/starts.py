"""The notes on rows whose backbones start from other cells: what their costs include and what data those cells used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness.reporting.leaderboard.tables import Table
from harness.reporting.leaderboard.text import joined
from harness.store.records import CellRecord

Fits = Callable[[CellRecord, Mapping[str, Any]], bool]


def starts(table: Table, *, costs: bool = True) -> list[str]:
    """One line each; none of a table whose rows all start from random weights. costs: whether they are shown."""
    again = _counted_again(table) if costs else ()
    return [*_chains(table, costs), *again, *_labelled(table), *_elsewhere(table)]


def _chains(table: Table, costs: bool) -> Iterator[str]:
    """What a row starts from, and that its costs hold that besides its own training."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        if before := _before(row.cells[0]):
            rows.setdefault(tuple(map(_named, before)), []).append(row.label)
    for names, labels in rows.items():
        start, whose = ("starts", "its") if len(labels) == 1 else ("start", "their")
        chain = ", which starts from ".join(names)
        counted = f": {whose} train s and samples and views seen count that, too" if costs else ""
        yield f"{joined(labels)} {start} from {chain}{counted}."


def _counted_again(table: Table) -> Iterator[str]:
    """What was trained once, and is in the costs of several rows."""
    rows: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for row in table.rows:
        for cell in row.cells:
            rows.setdefault(cell.id, set()).add(row.label)
            for each in _before(cell):
                rows.setdefault(each["id"], set()).add(row.label)
                names[each["id"]] = _named(each)
    if shared := joined(name for id_, name in names.items() if len(rows[id_]) > 1):
        yield f"Trained once, and counted in full in each row that builds on it: {shared}."


def _labelled(table: Table) -> Iterator[str]:
    """Starts that learned from labels, as a row may count as one without."""

    def learned(cell: CellRecord, start: Mapping[str, Any]) -> bool:
        chain = ((cell.training or {}).get("start") or {}).get("chain") or ()
        return any(each["id"] == start["id"] and each.get("labels") for each in chain)

    for name, labels in _rows_by_start(table, learned):
        yield f"{name}, from which {labels}, learned from labels."


def _elsewhere(table: Table) -> Iterator[str]:
    """Starts that were trained on another data set."""

    def other(cell: CellRecord, start: Mapping[str, Any]) -> bool:
        return bool(start["dataset"]["label"] != cell.cell["dataset"]["label"])

    for name, labels in _rows_by_start(table, other):
        yield f"{name}, from which {labels}, saw other data: whether with classes that are scored here, is not known."


def _rows_by_start(table: Table, fits: Fits) -> Iterator[tuple[str, str]]:
    """Each start that fits, and "A, B start" of the rows that start from it."""
    rows: dict[str, list[str]] = {}
    for row in table.rows:
        for name in {_named(each) for cell in row.cells for each in _before(cell) if fits(cell, each)}:
            rows.setdefault(name, []).append(row.label)
    for name in sorted(rows):
        yield name, f"{joined(rows[name])} {'starts' if len(rows[name]) == 1 else 'start'}"


def _before(cell: CellRecord) -> Iterable[Mapping[str, Any]]:
    return cell.cell.get("starts") or ()


def _named(start: Mapping[str, Any]) -> str:
    return f"{start['method']['label']} on {start['dataset']['label']}"
