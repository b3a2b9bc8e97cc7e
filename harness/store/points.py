"""Reads the points of curves: scores during training.

A line of curve.jsonl each: "step" of "steps", "samples" and "seconds" of the training so far, "counted" by the method
itself, "evaluator" (its id), the "points" and "share" of the suite's `curve`, "scoring_seconds", and "metrics", as in
an evaluation, or "error".
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.base.atomic_files import ANY, DamagedError, misfit, read_json
from harness.base.wording import quantity
from harness.store.lines import whole_lines
from harness.store.results_folder import Store
from harness.store.schemas import METRIC, NUMBER, TRAINING
from harness.suite.plan import Plan

POINT = {
    "step": int,
    "evaluator": str,
    "points": int,
    "share": (int, float),
    **dict.fromkeys(("samples", "seconds", "scoring_seconds"), NUMBER),
}


def read_points(path: Path) -> list[dict[str, Any]]:
    """In the order in which they were made; what is no point is passed over."""
    points = ({"metrics": {}, "counted": {}, **line} for line in whole_lines(path))
    return [
        point for point in points if not misfit(point, {**POINT, "metrics": {ANY: METRIC}, "counted": {ANY: NUMBER}})
    ]


def without_points(store: Store, plan: Plan) -> list[str]:
    """A note for each evaluator with a curve whose trained cells lack points, or whose points failed: they are made
    during a training, and at no other time."""
    steps: dict[str, list[float]] = {id_: [] for id_ in plan.curves}  # of the trainings that each evaluator scores
    errors: dict[str, list[str]] = {id_: [] for id_ in plan.curves}  # of its points
    lacking = Counter[str]()
    for cell in plan.cells.values():
        curves = {id_: plan.curves[id_] for id_ in plan.evaluators_of(cell) if id_ in plan.curves}
        training = _training(store, cell.id) if curves else None
        if training is None:
            continue
        points = read_points(store.cell(cell.id).curve)
        known = {(point["evaluator"], point["points"], point["share"]) for point in points}
        for id_, curve in curves.items():
            steps[id_].append(training.get("steps") or 0)
            lacking[id_] += steps[id_][-1] > 0 and (id_, curve.points, curve.share) not in known
            errors[id_] += [
                f"{each['error']} ({cell.name()})" for each in points if each["evaluator"] == id_ and "error" in each
            ]
    labels = {id_: plan.evaluators[id_].label for id_ in steps}
    notes = [_note(labels[id_], steps[id_], lacking[id_]) for id_ in steps]
    return [note for note in (*notes, *(_failed(labels[id_], errors[id_]) for id_ in steps)) if note]


def _training(store: Store, id_: str) -> dict[str, Any] | None:
    with suppress(DamagedError):
        return read_json(store.cell(id_).training, TRAINING)
    return None


def _note(label: str, steps: list[float], lacking: int) -> str:
    if steps and not any(steps):
        return f"curve: '{label}' has no points, as the cells that it scores have nothing to train."
    if not lacking:
        return ""
    return (
        f"curve: {quantity(lacking, 'cell was', 'cells were')} trained without these points of '{label}', which are "
        "made only during training: --fresh trains again."
    )


def _failed(label: str, errors: list[str]) -> str:
    if not errors:
        return ""
    first = f"{quantity(len(errors), 'point')} of '{label}' could not be scored. The first: {errors[0]}"
    return f"curve: {first}. The log of the cell has more."
