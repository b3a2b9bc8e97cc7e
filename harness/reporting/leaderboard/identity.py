"""Decides which cells are comparable, and which differ by their seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

from harness.plugins.registry import OF
from harness.reporting.leaderboard.text import canonical
from harness.reporting.leaderboard.view import By
from harness.store.records import CellRecord
from harness.suite.budget import Budget

HOW = {field.name for field in fields(Budget) if not field.metadata.get("identity", True)}  # not what is computed
OTHER: dict[By, By] = {"method": "backbone", "backbone": "method"}


def grouped(records: Iterable[CellRecord], by: Callable[[CellRecord], Any]) -> dict[str, list[CellRecord]]:
    groups: dict[str, list[CellRecord]] = {}
    for record in records:
        groups.setdefault(canonical(by(record)), []).append(record)
    return dict(sorted(groups.items()))


def comparable(record: CellRecord, by: By = "method") -> dict[str, Any]:
    """What two cells must share to be in one table, whose rows are methods or backbones."""
    cell = record.cell
    return {
        "dataset": identity(cell["dataset"]),
        OTHER[by]: identity(cell[OTHER[by]]),
        "budget": _decides(cell.get("suite_budget") or {}),
        "harness": cell.get("harness"),
        **(_start(record, _decides_of) if by == "backbone" else {}),
    }


def contestant(record: CellRecord, by: By = "method") -> dict[str, Any]:
    """What two cells of a table must share to be seeds of one row."""
    start = _start(record, _decides_of) if by == "method" else {}
    return {by: identity(record.cell[by]), "budget": _decides_of(record.cell), **start}


def everywhere(record: CellRecord, by: By) -> str:
    """Equal for what is the same row on other data, where the suite's budget may be another."""
    start = _start(record, lambda cell: _decides(own_budget(cell))) if by == "method" else {}
    return canonical({by: identity(record.cell[by]), "budget": _decides(own_budget(record.cell)), **start})


def _start(record: CellRecord, budget: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """What a cell starts from, whatever its seed: empty if that is nothing. A data set is named where it is another
    than that of what starts from it."""
    common, found = record.cell.get("suite_budget"), dict[str, Any]()
    chain = [record.cell, *(record.cell.get("starts") or ())]
    for before, each in reversed(list(pairwise(chain))):
        data = identity(each["dataset"])
        other = {} if data == identity(before["dataset"]) else {"dataset": data}
        own = {"method": identity(each["method"]), "budget": budget({**each, "suite_budget": common})}
        found = {"start": {**own, **other, **found}}
    return found


def _decides_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    return _decides(cell.get("budget") or {})


def identity(component: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a result: no label, no line in a suite, no path."""
    options = component.get("options", {})
    decides = component.get("decides", options)
    named = {key: component.get(key) for key in ("name", "distribution", "version", "fingerprint")}
    start = {"weights": component["weights"]} if component.get("weights") else {}
    own = {"data": identity(component["data"])} if component.get("data") else {}  # of an evaluator
    parts = {OF: {name: identity(each) for name, each in component[OF].items()}} if component.get(OF) else {}
    return {
        **named,
        **start,
        **own,
        **parts,
        "options": {key: value for key, value in options.items() if key in decides},
    }


def _decides(budget: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer is text, or what its options decide."""
    return {
        key: identity(value) if isinstance(value, Mapping) else value for key, value in budget.items() if key not in HOW
    }


def own_budget(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What the method's budget has beside the suite's."""
    common = cell.get("suite_budget") or {}
    return {
        key: value for key, value in (cell.get("budget") or {}).items() if key not in common or common[key] != value
    }
