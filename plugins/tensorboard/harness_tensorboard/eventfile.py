"""Event files as TensorBoard reads them, by its own records and messages: torch's writer would load torch in
`harness run`, and its thread would take what it has not yet written with it when a cell is killed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

LONGEST = 120  # letters of the name of a cell's folder
END = LONGEST // 2 - len("--")


class EventFile:
    """A new file at `path`, whose folder is made; each event is with the system when `write` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.records = RecordWriter(path.open("wb", buffering=0))
        self.write(file_version="brain.Event:2")

    def write(self, **content: Any) -> None:
        """One event: `step`, `summary`, ... as TensorBoard's event.proto has them."""
        self.records.write(Event(wall_time=time.time(), **content).SerializeToString())

    def close(self) -> None:
        self.records.close()


def scalars(prefix: str, values: Mapping[str, float]) -> Summary:
    return Summary(value=[Summary.Value(tag=f"{prefix}/{name}", simple_value=value) for name, value in values.items()])


def folder_of(folder: Path, cell: Mapping[str, Any]) -> Path:
    """Inside the cell's folder, and readable where TensorBoard lists it: one that is too long is cut in the middle, as
    data set and seed are at its end."""
    axes = [cell[axis]["label"] for axis in ("method", "backbone", "dataset")]
    name = re.sub(r"[^\w.=]+", "-", "-".join([*axes, f"seed{cell['seed']}"]), flags=re.ASCII)
    return folder / "tensorboard" / (name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}--{name[-END:]}")
