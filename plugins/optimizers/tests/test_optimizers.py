"""Each optimizer steps as torch's or timm's own, made by hand, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.optim.lars import Lars
from torch import nn

from harness import Budget
from harness.learning.optimizers import make_optimizer

RATE, MOMENTUM, DECAY = 0.1, 0.8, 0.01


def by_hand(matrices: list[nn.Parameter], others: list[nn.Parameter], **more: bool) -> list[dict[str, Any]]:
    """Groups of weights that decay, and of weights that do not."""
    rows = [(matrices, DECAY, True), (others, 0.0, False)]
    return [
        {"params": weights, "weight_decay": decay, **dict.fromkeys(more, adapts)} for weights, decay, adapts in rows
    ]


OWN: dict[str, Callable[[list[nn.Parameter], list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda *both: torch.optim.SGD(by_hand(*both), lr=RATE, momentum=MOMENTUM, fused=True),
    "adam": lambda *both: torch.optim.Adam(by_hand(*both), lr=RATE, fused=True),
    "adamw": lambda *both: torch.optim.AdamW(by_hand(*both), lr=RATE, fused=True),
    "lars": lambda *both: Lars(by_hand(*both, always_adapt=True), lr=RATE, momentum=MOMENTUM),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 3))


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    for step in range(5):
        images = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(step))
        for group in optimizer.param_groups:
            group["lr"] = RATE / (1 + step)
        optimizer.zero_grad(set_to_none=True)
        model(images).square().mean().backward()
        optimizer.step()
    return [weight.detach() for weight in model.parameters()]


@pytest.mark.parametrize("name", OWN)
def test_steps_are_those_of_the_library(name: str) -> None:
    ours, own = network(), network()
    start = [weight.detach().clone() for weight in ours.parameters()]
    budget = Budget(steps=5, optimizer=name, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    both = [[weight for weight in own.parameters() if (weight.ndim > 1) == matrix] for matrix in (True, False)]
    one, other = stepped(ours, make_optimizer(ours, budget)), stepped(own, OWN[name](*both))
    assert all(torch.equal(*each) for each in zip(one, other, strict=True))
    assert not any(torch.equal(*each) for each in zip(one, start, strict=True))
