"""Seeds the global random states."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Set the global random state of torch, numpy and Python, so that what a step draws from it depends on `seed`."""
    seed_torch(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def seed_torch(seed: int) -> None:
    """What `torch.manual_seed` does. Without an accelerator it takes a hundredth of the time: nothing is noted for
    devices that may come."""
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
