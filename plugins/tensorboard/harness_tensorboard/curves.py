"""Writes the metrics of a training as curves."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import SessionLog

from harness import StepLogged
from harness_tensorboard.eventfile import EventFile, folder_of, scalars


class Curves:
    """The curves of one cell; a file is made with the first step, as a cell may only be evaluated."""

    def __init__(self, folder: Path, cell: Mapping[str, Any]) -> None:
        self.folder = folder_of(folder, cell)
        self.file: EventFile | None = None

    def add(self, event: StepLogged) -> None:
        if self.file is None:  # TensorBoard reads a folder's files by their names' order
            self.file = EventFile(self.folder / f"events.out.tfevents.{time.time():.6f}.{os.getpid()}")
            # a training that goes on from a checkpoint logs some steps again: this hides them in the older file
            self.file.write(step=event.step, session_log=SessionLog(status=SessionLog.START))
        self.file.write(step=event.step, summary=scalars("train", event.metrics))
