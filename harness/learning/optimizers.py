"""Makes the optimizer that the budget names, for the method's weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from harness.base.errors import UsageError
from harness.learning.components import Group, Method
from harness.plugins.registry import registry
from harness.suite.budget import Budget
from harness.suite.cell import Component


def make_optimizer(network: nn.Module, budget: Budget, optimizer: Component | None = None) -> torch.optim.Optimizer:
    """`optimizer`: a registered one with its options; None: the one that the budget names, as it is by default.

    Raises UsageError if the method's groups have betas of their own and the optimizer has none.
    """
    component = optimizer or by_name(budget.optimizer)
    groups = groups_of(network, budget)
    made: torch.optim.Optimizer = component.spec.load()(component.config, groups, budget)
    if "betas" not in made.defaults and any("betas" in group for group in groups):
        raise UsageError(
            f"the method sets betas, which the optimizer '{component.spec.unique}' does not have: take one that has "
            "them, such as 'adam'."
        )
    return made


def by_name(name: str) -> Component:
    """A registered optimizer whose options nobody set. Raises UsageError if there is none of that name."""
    spec = registry().get("optimizer", name)
    return Component(spec, spec.config(), name)


def groups_of(network: nn.Module, budget: Budget) -> list[dict[str, Any]]:
    """The weights that learn, as torch.optim takes them: of each of the method's groups matrices and kernels, which
    weight decay acts on, and biases and norms, which it leaves out. `matrices` says which of the two a group is;
    `rate`, where it is not 1, how many times the budget's learning rate is its own.

    Raises UsageError unless each weight is in one of the method's groups.
    """
    own = network.groups() if isinstance(network, Method) else [Group(list(network.parameters()))]
    _require_each_once(network, own)
    return [made for group in own for made in _parted(group, budget)]


def _parted(group: Group, budget: Budget) -> list[dict[str, Any]]:
    learning = [weight for weight in group.weights if weight.requires_grad]
    parts = {True: [weight for weight in learning if weight.ndim > 1]}
    parts[False] = [weight for weight in learning if weight.ndim <= 1]
    more = {**({"rate": group.rate} if group.rate != 1 else {}), **({"betas": group.betas} if group.betas else {})}
    return [
        {"params": weights, "weight_decay": budget.weight_decay if matrices else 0.0, "matrices": matrices, **more}
        for matrices, weights in parts.items()
        if weights
    ]


def _require_each_once(network: nn.Module, groups: Sequence[Group]) -> None:
    times = Counter(id(weight) for group in groups for weight in group.weights)
    for name, weight in network.named_parameters():
        if weight.requires_grad and times[id(weight)] != 1:
            raise UsageError(f"'{name}' is in {times[id(weight)]} of the method's groups: each weight is in one.")
