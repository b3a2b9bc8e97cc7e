"""Writes the final scores and options of a cell for TensorBoard's tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.plugins.hparams.summary_v2 import hparams_pb

from harness_tensorboard.eventfile import EventFile, folder_of, scalars


def write_scores(folder: Path, cell: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """One file, written anew when a further evaluator has scored the cell; by its name it comes after the curves."""
    axes = {axis: cell[axis]["label"] for axis in ("method", "backbone", "dataset")}
    file = EventFile(folder_of(folder, cell) / "events.out.tfevents.scores")
    file.write(summary=hparams_pb({**axes, "seed": cell["seed"]}))
    file.write(step=0, summary=scalars("score", metrics))
    file.close()
