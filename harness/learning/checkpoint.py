"""Saves and loads checkpoints of a training; nothing in a checkpoint is executed, and a damaged one is set aside."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from harness.base.atomic_files import set_aside, write_bytes
from harness.base.checkpoint_interval import Interval


class Checkpointer:
    """Saves a training now and then. `step`: how many steps the last checkpoint holds; `before`: the seconds that they
    took before this process went on from it."""

    def __init__(self, path: Path, every: Interval, step: int, before: float) -> None:
        self.path = path
        self.every = every
        self.step = step
        self.before = before
        self.started = self.saved = time.monotonic()

    def seconds(self) -> float:
        """That the training has taken so far, in this process and before."""
        return self.before + time.monotonic() - self.started

    @contextlib.contextmanager
    def apart(self, device: torch.device) -> Iterator[None]:
        """Exclude the time of what is done inside from the time of the training."""
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # what the training has begun is its own
        started = time.monotonic()
        yield
        self.started += time.monotonic() - started

    def is_due(self, step: int) -> bool:
        return self.every.over(step - self.step, time.monotonic() - self.saved)

    def save(self, step: int, method: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        save_checkpoint(self.path, step, self.seconds(), method, optimizer)
        self.saved, self.step = time.monotonic(), step


def save_checkpoint(path: Path, step: int, seconds: float, method: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    buffer = io.BytesIO()
    state = {"step": step, "seconds": seconds, "method": method.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def checkpoint_step(path: Path) -> int:
    """How many steps a checkpoint holds; 0 without one. One that is damaged is set aside."""
    return int(_held(path, "step"))


def checkpoint_seconds(path: Path) -> float:
    """How long the steps took that a checkpoint holds; likewise."""
    return _held(path, "seconds")


def _held(path: Path, key: str) -> float:
    if not path.exists():
        return 0
    try:
        return float(read_checkpoint(path, torch.device("cpu"))[key])
    except Exception as error:  # noqa: BLE001 (a damaged file raises whatever its parts run into)
        give_up(path, error)
        return 0


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save_checkpoint` wrote. Raises zipfile.BadZipFile if it was changed since: torch would not notice.

    It runs nothing: with weights_only, torch refuses a pickle that holds more than tensors and plain values.
    """
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"'{damaged}' does not have its checksum")
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def load_checkpoint(path: Path, method: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """The step to go on with and the seconds spent so far; (0, 0) without a checkpoint.

    One that is damaged or of another network is set aside, and method and optimizer are left as they were.
    """
    if not path.exists():
        return 0, 0.0
    try:
        with unchanged_by_failure(method, optimizer):
            state = read_checkpoint(path, next(method.parameters()).device)
            method.load_state_dict(state["method"])
            optimizer.load_state_dict(state["optimizer"])
            return int(state["step"]), float(state["seconds"])
    except Exception as error:  # noqa: BLE001 (as in checkpoint_step)
        give_up(path, error)
        return 0, 0.0


class Stateful(Protocol):
    """A network or an optimizer."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@contextlib.contextmanager
def unchanged_by_failure(*holders: Stateful) -> Iterator[None]:
    """Restore the states if the code inside fails, because loading writes what fits before it reports what does not."""
    before = copy.deepcopy([holder.state_dict() for holder in holders])
    try:
        yield
    except BaseException:
        for holder, state in zip(holders, before, strict=True):
            holder.load_state_dict(state)
        raise


def give_up(path: Path, error: Exception) -> None:
    """Set aside a checkpoint that cannot be used, and say so: training begins anew. Raises what is not its fault."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | PermissionError):
        raise error
    reason = " ".join(str(error).split()).partition(". ")[0][:150]
    if isinstance(error, pickle.UnpicklingError):
        reason = "it holds more than tensors and plain values"
    if aside := set_aside(path):
        what = "is damaged or of another network"
        print(f"harness: {path}: {what} ({reason}); set aside as {aside.name}", file=sys.stderr)
