"""Records which model of a judge a score was measured with, and finds scores whose judge has another model now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.base.atomic_files import read_json
from harness.store.cell_folder import CellFolder
from harness.suite.cell import Cell


def seen_by(judge: Cell, folder: CellFolder) -> dict[str, Any]:
    """What the record of a score says of its judge: its id, and the seal of the model that it is now. `folder`: the
    judge's."""
    return {"id": judge.id, "model": (read_json(folder.training) or {}).get("model")}


def by_former_judges(
    evaluations: Mapping[str, Mapping[str, Any]], training: Callable[[str], Mapping[str, Any]]
) -> list[str]:
    """The evaluators whose judge is another model now than the one that their record names. `training`: the record of
    a cell's, by its id; empty if it is not trained."""
    judges = {id_: each["judge"] for id_, each in evaluations.items() if each.get("judge")}
    now = {id_: training(judge["id"]).get("model") for id_, judge in judges.items()}
    return [id_ for id_, judge in judges.items() if now[id_] and now[id_] != judge["model"]]


def remove_scores(folder: CellFolder, evaluators: Iterable[str]) -> None:
    """Remove these scores of a cell, which its process must hold."""
    for each in evaluators:
        path = folder.evaluation(each)
        for part in (path, path.with_suffix(".npz")):
            part.unlink(missing_ok=True)
