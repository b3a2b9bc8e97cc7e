"""The optimizer of a training: the one that its budget names, made for the method's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from harness.plugins.registry import registry
from harness.suite.budget import Budget
from harness.suite.cell import Component


def make_optimizer(network: nn.Module, budget: Budget, optimizer: Component | None = None) -> torch.optim.Optimizer:
    """`optimizer`: a registered one with its options; None: the one that the budget names, as it is by default."""
    component = optimizer or by_name(budget.optimizer)
    made: torch.optim.Optimizer = component.spec.load()(component.config, groups_of(network, budget), budget)
    return made


def by_name(name: str) -> Component:
    """A registered optimizer whose options nobody set. Raises UsageError if there is none of that name."""
    spec = registry().get("optimizer", name)
    return Component(spec, spec.config(), name)


def groups_of(network: nn.Module, budget: Budget) -> list[dict[str, Any]]:
    """The weights that learn, as torch.optim takes them: matrices and kernels, which weight decay acts on, and biases
    and norms, which it leaves out. `matrices` says which of the two a group is."""
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    parts = {True: [weight for weight in learning if weight.ndim > 1]}
    parts[False] = [weight for weight in learning if weight.ndim <= 1]
    return [
        {"params": weights, "weight_decay": budget.weight_decay if matrices else 0.0, "matrices": matrices}
        for matrices, weights in parts.items()
        if weights
    ]
