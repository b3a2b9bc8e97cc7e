"""torch's optimizers in their fused form: one pass over all weights."""

from __future__ import annotations

from typing import Any

import torch

from harness import Budget, NoOptions


def sgd(_: NoOptions, groups: list[dict[str, Any]], budget: Budget) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=budget.lr, momentum=budget.momentum, fused=True)


def adam(_: NoOptions, groups: list[dict[str, Any]], budget: Budget) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=budget.lr, fused=True)


def adamw(_: NoOptions, groups: list[dict[str, Any]], budget: Budget) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=budget.lr, fused=True)
