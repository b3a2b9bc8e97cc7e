"""The optimizer LARS, from timm."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim.lars import Lars

from harness import Budget, NoOptions


def lars(_: NoOptions, groups: list[dict[str, Any]], budget: Budget) -> torch.optim.Optimizer:
    """The layer-wise rate acts where weight decay does (You et al. 2017): on matrices and kernels, also without decay,
    where timm would leave it out."""
    adapted = [{**group, "always_adapt": group["matrices"]} for group in groups]
    optimizer: torch.optim.Optimizer = Lars(adapted, lr=budget.lr, momentum=budget.momentum)
    return optimizer
