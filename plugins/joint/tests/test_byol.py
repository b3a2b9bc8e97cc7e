"""BYOL's loss and gradient against eq. 2 by rows, with targets as constants; the target network and its schedule."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_joint import BYOLConfig
from harness_joint.byol import BYOL, squared_error
from torch import Tensor

from harness import Data

VIEWS = (2, 8, 1, 14, 14)


@pytest.fixture
def byol(gratings: Data, tiny_net: Any) -> BYOL:
    return BYOL(tiny_net, BYOLConfig(projection_dim=8, hidden_dim=16, momentum=0.9), gratings)


def by_rows(predictions: Tensor, targets: Tensor) -> Tensor:
    """Eq. 2, one row at a time: the squared distance of the two, each divided by its length."""
    total = torch.zeros((), dtype=torch.float64)
    for q, z in zip(predictions, targets, strict=True):
        for a, b in zip(q / (q @ q).sqrt(), z / (z @ z).sqrt(), strict=True):
            total = total + (a - b) ** 2
    return total / len(predictions)


def test_loss_and_gradient_are_those_of_eq_2_in_both_directions_with_targets_as_constants(byol: BYOL) -> None:
    byol.double()
    with torch.no_grad():  # as after some steps: the target is no copy any more
        for weight in byol.target.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    views = torch.randn(VIEWS, dtype=torch.float64)
    with torch.no_grad():
        targets = [byol.target(view) for view in views]
    one, other = (byol.predictor(byol.projector(byol.backbone(view))) for view in views)
    expected = by_rows(one, targets[1]) + by_rows(other, targets[0])
    loss = byol.loss(views)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)
    weights = [weight for weight in byol.parameters() if weight.requires_grad]
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-5)


def test_the_error_is_of_directions_alone_and_in_float32() -> None:
    q, z = torch.randn(2, 6, 5)
    torch.testing.assert_close(squared_error(3 * q, 0.1 * z), squared_error(q, z))
    assert squared_error(q, q).item() == pytest.approx(0, abs=1e-6)
    assert squared_error(q, -q).item() == pytest.approx(4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(squared_error(q, z), squared_error(q.clone(), z))
        assert squared_error(q.bfloat16(), z.bfloat16()).dtype == torch.float32


def test_the_target_starts_as_a_copy_without_predictor_and_gets_no_gradient(byol: BYOL) -> None:
    """Trap: a target that starts with weights of its own."""
    online = [*byol.backbone.parameters(), *byol.projector.parameters()]
    for copied, original in zip(byol.target.parameters(), online, strict=True):
        assert torch.equal(copied, original)
        assert copied.data_ptr() != original.data_ptr()
    byol.loss(torch.randn(VIEWS)).backward()
    assert all(weight.grad is None for weight in byol.target.parameters())
    assert all(weight.grad is not None for weight in (*online, *byol.predictor.parameters()))


def test_the_target_follows_ever_more_slowly(byol: BYOL) -> None:
    before = [weight.clone() for weight in byol.target.parameters()]
    with torch.no_grad():
        for weight in (*byol.backbone.parameters(), *byol.projector.parameters()):
            weight.add_(1.0)
    kept = 1.0
    for step in range(4):
        byol.after_step(step, 4)
        kept *= 1 - (1 - 0.9) * (math.cos(math.pi * step / 4) + 1) / 2
    for target, start in zip(byol.target.parameters(), before, strict=True):
        torch.testing.assert_close(target, start + 1 - kept)


def test_encode_uses_the_online_encoder(byol: BYOL) -> None:
    with torch.no_grad():
        for weight in byol.target.parameters():
            weight.fill_(math.nan)
    images = torch.randn(3, 1, 14, 14)
    assert torch.equal(byol.eval().encode(images), byol.backbone(images))


@pytest.mark.parametrize("wrong", [{"momentum": 1.1}, {"momentum": -0.1}, {"hidden_dim": 0}, {"projection_dim": 0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BYOLConfig(**wrong)
