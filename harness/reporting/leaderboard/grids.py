"""Converts tables to grids of text, which each format lays out and escapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from harness.reporting.leaderboard.tables import Column, Row, Score, Table
from harness.reporting.leaderboard.text import MISSING, amount, half, mean_with_half_width
from harness.store.records import CellRecord, spent

_SIGNS = "†‡§¶"
COUNTED = {"samples": "samples seen", "views": "views seen"}


@dataclass(frozen=True)
class Cell:
    """Text, and whether it is among the best."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Grid:
    """Headers and rows. The first column holds labels, the others numbers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def footnotes(table: Table) -> dict[str, str]:
    """The sign of every protocol that some column does not rank."""
    others = sorted(
        {
            score.protocol
            for row in table.rows
            for column, score in zip(table.columns, row.scores, strict=True)
            if score and score.protocol != column.protocol
        }
    )
    return {protocol: _SIGNS[i % len(_SIGNS)] * (1 + i // len(_SIGNS)) for i, protocol in enumerate(others)}


def scores(table: Table, *, ties: bool = True) -> Grid:
    """Rows by evaluators: '91.2 ± 0.8 (1-2) a', with the mean rank and the number of seeds."""
    signs = footnotes(table)
    titles = [column.title + ("" if column.higher_is_better else " ↓") for column in table.columns]
    rows = [
        (
            Cell(row.label),
            *(score_cell(c, score, row, signs, ties) for c, score in zip(table.columns, row.scores, strict=True)),
            Cell(MISSING if row.mean_rank is None else f"{row.mean_rank:.1f}"),
            Cell(str(row.seeds) if row.seeds == len(table.seeds) else f"{row.seeds}/{len(table.seeds)}"),
        )
        for row in table.rows
    ]
    return Grid((table.by, *titles, "mean rank", "n"), tuple(rows))


def to_best(table: Table) -> Grid | None:
    """Rows by evaluators: how much worse than the column's best mean, with half of a simultaneous interval. None if no
    two rows are compared."""
    shown = [i for i in range(len(table.columns)) if any(_compared(row.scores[i]) for row in table.rows)]
    if not shown:
        return None
    rows = [(Cell(row.label), *(_to_best(table.columns[i], row.scores[i]) for i in shown)) for row in table.rows]
    return Grid((table.by, *(table.columns[i].title for i in shown)), tuple(rows))


def _compared(score: Score | None) -> bool:
    return score is not None and score.place is not None


def _to_best(column: Column, score: Score | None) -> Cell:
    if score is None or score.place is None:
        return Cell(MISSING)
    gap = score.place.to_best
    if gap.half_width is None:
        return Cell("best")
    return Cell(mean_with_half_width(gap.mean, gap.half_width, percent=column.percent))


def costs(table: Table) -> Grid:
    """Rows by costs, each the mean over seeds: seconds, samples and views of a training with those of all that it
    builds on. Views have a column where they are not as many as samples."""
    evaluators = {column.key[0] for column in table.columns}
    counts = {name: [[spent(cell.training, name) for cell in row.cells] for row in table.rows] for name in COUNTED}
    several = any(any(views) and views != counts["samples"][i] for i, views in enumerate(counts["views"]))
    counted = COUNTED if several else {"samples": COUNTED["samples"]}
    headers = (table.by, "budget", "train s", "evaluate s", "samples/s", *counted.values(), "peak MB")
    rows = [
        (
            Cell(row.label),
            Cell(_budget(row)),
            _mean(spent(cell.training, "seconds") for cell in row.cells),
            _mean(_evaluation_seconds(cell, evaluators) for cell in row.cells),
            _training(row, "samples_per_second"),
            *(_mean(counts[name][i]) for name in counted),
            _training(row, "peak_memory_mb"),
        )
        for i, row in enumerate(table.rows)
    ]
    return Grid(headers, tuple(rows))


def score_cell(
    column: Column, score: Score | None, row: Row, signs: dict[str, str] | None = None, ties: bool = True
) -> Cell:
    """Mean, half of the interval, ranks, letters of ties; seeds and protocol where they are not the usual ones."""
    if score is None:
        return Cell(MISSING)
    interval = score.interval
    parts = [mean_with_half_width(interval.mean, interval.half_width, percent=column.percent)]
    if score.within is not None:
        parts.append(f"[± {half(score.within, percent=column.percent)}]")
    if score.rank:
        parts.append(f"({score.rank})")
    if ties and score.ties:
        parts.append(score.ties)
    if interval.n != row.seeds:
        parts.append(f"n={interval.n}")
    if score.protocol != column.protocol:
        parts.append((signs or {}).get(score.protocol, _SIGNS[0]))
    return Cell(" ".join(parts), best=bool(score.rank and score.rank.best == 1))


def _budget(row: Row) -> str:
    """How long the method trained, after all that it builds on: "400 + 100 steps". All seeds of a row share it."""
    trained = [cell for cell in row.cells if spent(cell.training, "samples")]
    if not trained:
        return MISSING
    training = trained[0].training or {}
    steps = {each["id"]: each["steps"] for each in (training.get("start") or {}).get("chain") or ()}
    before = reversed(trained[0].cell.get("starts") or ())
    parts = [_length(each.get("budget") or {}, steps.get(each["id"]) != 0) for each in before]
    parts.append(_length(trained[0].cell.get("budget") or {}, bool(training.get("samples"))))
    if not any(unit for _, unit in parts):
        return MISSING
    units = {unit for _, unit in parts if unit}
    if len(units) == 1:
        numbers, unit = [number for number, _ in parts], units.pop()
        return f"{' + '.join(numbers)} {unit.removesuffix('s') if numbers == ['1'] else unit}"
    return " + ".join(f"{number} {unit.removesuffix('s') if number == '1' else unit}".strip() for number, unit in parts)


def _length(budget: Mapping[str, Any], trains: bool) -> tuple[str, str]:
    """A number and its unit; 0 of what has nothing to train."""
    for unit in ("steps", "epochs"):
        if trains and budget.get(unit) is not None:
            return f"{budget[unit]:,}", unit
    return "0", ""


def _training(row: Row, name: str) -> Cell:
    return _mean((cell.training or {}).get(name) for cell in row.cells)


def _evaluation_seconds(cell: CellRecord, evaluators: set[str]) -> float | None:
    """The sum over all of the table's evaluators; None if one has not scored the cell, as less work took less time."""
    if not evaluators or not evaluators <= set(cell.evaluations):
        return None
    return sum(float(cell.evaluations[evaluator].get("seconds", "nan")) for evaluator in sorted(evaluators))


def _mean(values: Iterable[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return Cell(amount(fmean(known)) if known else MISSING)
