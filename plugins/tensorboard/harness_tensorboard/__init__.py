"""Registers an observer that writes the metrics and scores of cells for TensorBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import CellFinished, CellStarted, StepLogged, hookimpl

if TYPE_CHECKING:
    from harness_tensorboard.curves import Curves

_cell: list[Curves] = []  # that of this process, which trains one at a time


@hookimpl
def cell_started(event: CellStarted) -> None:
    from harness_tensorboard.curves import Curves

    _cell[:] = [Curves(event.folder, event.cell)]


@hookimpl
def step_logged(event: StepLogged) -> None:
    for curves in _cell:  # none if TensorBoard is missing: cell_started has said so
        curves.add(event)


@hookimpl
def cell_finished(event: CellFinished) -> None:
    if event.metrics:
        from harness_tensorboard.scores import write_scores

        write_scores(event.folder, event.cell, event.metrics)
