"""The inputs of a job that trains and scores a cell, and the method and data that it begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from harness.base.atomic_files import broken, read_json
from harness.base.checkpoint_interval import Interval
from harness.learning import building
from harness.learning.components import Trained
from harness.learning.starting import load_trained
from harness.learning.training import CHECKPOINT_EVERY, use_precision
from harness.store.cell_folder import CellFolder
from harness.store.judging import seen_by
from harness.suite.cell import Cell, Component
from harness.suite.judges import judge_of
from harness.suite.planfile import PlanFile


@dataclass(frozen=True)
class CellJob:
    """A cell of a plan and its folder; the device, and the threads of this process; whether the training is profiled,
    and how often it leaves a checkpoint."""

    plan: PlanFile
    cell: Cell
    folder: CellFolder
    device: torch.device
    threads: int
    profile: bool = False
    every: Interval = CHECKPOINT_EVERY

    @property
    def start(self) -> CellFolder | None:
        """The folder of the cell that this one starts from, if it does."""
        return self.folder.beside(self.cell.start.id) if self.cell.start else None


def named_judge(job: CellJob, evaluator: Component) -> dict[str, Any]:
    """What the record of a score says of its judge; empty without one."""
    if not evaluator.judge:
        return {}
    judge = judge_of(job.cell, evaluator)
    return seen_by(judge, job.folder.beside(judge.id))


def load_judge(job: CellJob, evaluator: Component) -> Trained:
    """The trained cell by which an evaluator judges this job's, on the data as its own backbone takes them.

    Raises RuntimeError if its model is not what its training left.
    """
    judge = judge_of(job.cell, evaluator)
    folder = job.folder.beside(judge.id)
    sealed = (read_json(folder.training) or {}).get("model")
    if reason := broken(folder.model, sealed, read=True) if folder.model.exists() else "it is gone":
        raise RuntimeError(f"{folder.model}: the model of its judge '{judge.name()}' is damaged ({reason})")
    method, data = building.build(judge, building.load_data(judge.dataset, job.device))
    load_trained(method, folder.model, str(job.device))
    return Trained(method, data)


def open_cell(job: CellJob, when_loaded: Callable[[], None] = lambda: None) -> building.Built:
    """Load the cell's data and build its method, with the weights of the cell that it starts from.

    `when_loaded` is called between the two: that those weights are whole is to be looked at right before they are read.
    """
    use_precision(job.cell.budget.precision)
    data = building.load_data(job.cell.dataset, job.device)
    when_loaded()
    return building.build(job.cell, data, job.start.model if job.start else None)
