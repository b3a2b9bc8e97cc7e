"""The devices that a component is tried on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ADVICE = "make tensors with device=... of a tensor at hand, and register constants as buffers"


def accelerators() -> list[torch.device]:
    """A GPU where there is one."""
    return [torch.device("cuda")] if torch.cuda.is_available() else []


def moved(batch: Any, device: torch.device) -> Any:
    """A batch (a tensor, or a named tuple of tensors) on another device."""
    return batch.to(device) if isinstance(batch, Tensor) else type(batch)(*(part.to(device) for part in batch))
