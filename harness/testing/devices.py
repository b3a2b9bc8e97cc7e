"""The devices that components are tested on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from harness.testing.report import Fault

ADVICE = "make tensors with device=... of a tensor at hand, and register constants as buffers"


def accelerators() -> list[torch.device]:
    """A GPU where there is one."""
    return [torch.device("cuda")] if torch.cuda.is_available() else []


@contextmanager
def runs_on(device: torch.device) -> Iterator[None]:
    """A component that this device refuses is at fault."""
    try:
        yield
    except RuntimeError as error:  # an operation without a kernel there, too: NotImplementedError is a RuntimeError
        said = " ".join(str(error).split())[:140]
        raise Fault(f"on {device.type}: {said}", ADVICE) from error


def moved(batch: Any, device: torch.device) -> Any:
    """A batch (a tensor, or a tuple or named tuple of tensors) on another device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    parts = [part.to(device) for part in batch]
    return tuple(parts) if type(batch) is tuple else type(batch)(*parts)
