"""The events that observers receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CellStarted:
    """A cell begins to train or to be evaluated; sent in the process of the cell.

    Attributes:
        cell: The content of cell.json.
        folder: The folder of the cell, named by its id.
    """

    cell: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True)
class StepLogged:
    """A training step was logged; sent in the process of the cell.

    Attributes:
        cell: The content of cell.json.
        step: Number of the step.
        steps: Number of steps of the whole training.
        metrics: Logged values by name; "loss" is always among them.
    """

    cell: Mapping[str, Any]
    step: int
    steps: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class CellFinished:
    """A cell has ended, whether it succeeded or not; sent in the process of `harness run`.

    Attributes:
        cell: The content of cell.json.
        status: "ok", "failed", "timeout", "oom", "killed" or "interrupted".
        metrics: The scores, by "evaluator metric".
        folder: The folder of the cell, named by its id.
    """

    cell: Mapping[str, Any]
    status: str
    metrics: Mapping[str, float]
    folder: Path


@dataclass(frozen=True)
class RunFinished:
    """All cells of a run have ended; sent in the process of `harness run`.

    Attributes:
        results: The results folder.
        statuses: Number of cells by status.
    """

    results: Path
    statuses: Mapping[str, int]
