"""The key `judge` of an evaluator: the trained cell of another method, with the same backbone, data set and seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.base.errors import UsageError
from harness.suite.cell import Cell, Component, digest

JUDGE = "judge"


def described(judge: Cell) -> dict[str, Any]:
    """What a judge is, whatever its backbone, data set and seed, which are those of the cell that it judges."""
    return {"label": judge.method.label, "method": judge.method.identity, "budget": judge.budget_identity}


def judge_of(cell: Cell, evaluator: Component) -> Cell:
    """The cell by which an evaluator judges another."""
    return next(each for each in cell.judges if digest(described(each)) == digest(evaluator.judge))


def require_others(cells: Mapping[str, Cell], where: Mapping[str, str]) -> None:
    """Raises UsageError for a cell that would be judged by its own features, or by those that it started from.
    `where`: by a judge's label, its place in the suite."""
    pairs = [(cell, judge) for cell in cells.values() for judge in cell.judges]
    for cell, judge in sorted(pairs, key=lambda pair: pair[0].id != pair[1].id):  # what is plainly wrong is said first
        name = judge.method.label
        if judge.id == cell.id:
            why = f"'{name}' cannot judge itself"
        elif judge.start is not None:
            why = f"'{name}' starts from another cell, and a judge starts from none"
        elif judge.id in {each.id for each in cell.ancestors}:
            why = f"'{cell.method.label}' starts from '{name}' and cannot be judged by it"
        elif judge.id in cells and cells[judge.id].judges:
            why = f"'{name}' judges '{cell.method.label}' and has a judge itself"
        else:
            continue
        raise UsageError(f"{where[name]}: judge: {why}. Name the methods that the evaluator is for: 'only: [...]'.")
