"""What observers are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CellStarted:
    """A cell begins to train or to be evaluated; sent in the cell's own process.

    `cell`: what cell.json holds. `folder`: the cell's own, named by its id.
    """

    cell: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True)
class StepLogged:
    """A training step was logged; sent in the cell's own process. `metrics` has at least "loss"."""

    cell: Mapping[str, Any]
    step: int
    steps: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class CellFinished:
    """A cell has ended, whichever way; sent in the process of `harness run`.

    `status`: ok, failed, timeout, oom, killed or interrupted. `metrics`: the scores there are, by "evaluator metric".
    """

    cell: Mapping[str, Any]
    status: str
    metrics: Mapping[str, float]
    folder: Path


@dataclass(frozen=True)
class RunFinished:
    """All cells of a run have ended; sent in the process of `harness run`."""

    results: Path
    statuses: Mapping[str, int]
