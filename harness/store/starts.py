"""Checks the trained model that a cell starts from, in the results folder.

cells/<id>/start.json   the model that a training which has not ended began with; then training.json says it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.base.atomic_files import DamagedError, broken, read_json, write_json
from harness.base.outcome import Outcome
from harness.store.cell_folder import CellFolder
from harness.store.records import spent, with_todays_names
from harness.store.schemas import START
from harness.suite.cell import Cell

SPENT = ("seconds", "samples", "views")  # what a training costs that adds up over those it builds on


def unmet_need(cell: Cell, folder: Callable[[str], CellFolder]) -> Outcome | None:
    """How a cell ends that cannot begin, as what it starts from, or is judged by, is not trained; None if all is.
    `folder`: a cell's, by its id."""
    for need in cell.needs:
        what = "start" if need is cell.start else "judge"
        if outcome := _unmet(f"its {what} '{need.name()}'", folder(need.id)):
            return outcome
    return None


def _unmet(name: str, folder: CellFolder) -> Outcome | None:
    """One whose scoring failed alone is as good as any."""
    if folder.training.exists():
        return None
    failure = folder.failure()
    if failure is None or failure["status"] == "interrupted":
        return Outcome("interrupted", f"{name} is not trained yet", None, 1)
    how = "failed" if failure["status"] == "failed" else f"failed ({failure['status']})"
    return Outcome(failure["status"], f"{name} {how}: {failure['message']}", None, 1)


def begun_with(start: Cell, folder: CellFolder) -> dict[str, Any]:
    """What a training records of its start: id, the seal of its model, and what that has cost, with all before it; and
    of it and each before it, the nearest first, how many steps it took and whether it learned from labels.

    Raises RuntimeError if the model is not what its training left.
    """
    training = with_todays_names(read_json(folder.training)) or {}
    sealed = training.get("model")
    reason = broken(folder.model, sealed, read=True) if folder.model.exists() else "it is gone"
    if reason:
        raise RuntimeError(
            f"{folder.model}: the model of its start '{start.name()}' is damaged ({reason}); run again to train it anew"
        )
    own = {"id": start.id, "steps": training.get("steps"), "labels": training.get("labels")}
    chain = [own, *((training.get("start") or {}).get("chain") or ())]
    return {"id": start.id, "model": sealed, **{name: spent(training, name) for name in SPENT}, "chain": chain}


def begin(folder: CellFolder, begins: Mapping[str, Any]) -> bool:
    """Remove what a cell has of a training that began with another model, scores first, and write down which one it
    begins with now, unless it is trained. Whether anything was removed. Its process must hold the cell."""
    removed = (folder.training.exists() or folder.checkpoint.exists()) and _model(folder) != begins["model"]
    if removed:
        for path in sorted(folder.evaluations.glob("[!.]*")):
            path.unlink(missing_ok=True)
        for path in (folder.checkpoint, folder.steps, folder.curve, folder.training, folder.model):
            path.unlink(missing_ok=True)
    if not folder.training.exists():
        write_json(folder.start, begins)
    return removed


def _model(folder: CellFolder) -> Any:
    """With which model the cell's training began; None if nothing tells."""
    try:
        if (training := read_json(folder.training)) is not None:
            return (training.get("start") or {}).get("model")
        return (read_json(folder.start, START) or {}).get("model")
    except DamagedError:
        return None
