"""Barlow Twins' loss and gradient against loops over eqs. 1 and 2 in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_joint import BarlowTwinsConfig
from harness_joint.barlow import BarlowTwins, cross_correlation
from torch import Tensor

from harness import Data


@pytest.fixture
def barlow(gratings: Data, tiny_net: Any) -> BarlowTwins:
    return BarlowTwins(tiny_net, BarlowTwinsConfig(projection_dim=6, redundancy_weight=0.1), gratings)


def loop(one: Tensor, other: Tensor, weight: float) -> Tensor:
    """Eqs. 1 and 2, one pair of dimensions at a time; the projections are centred along the batch."""
    one, other = one - one.mean(0), other - other.mean(0)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(one.shape[1]):
        for j in range(one.shape[1]):
            both = sum(one[b, i] * other[b, j] for b in range(len(one)))
            lengths = [sum(z[b, d] ** 2 for b in range(len(one))) ** 0.5 for z, d in ((one, i), (other, j))]
            correlation = both / (lengths[0] * lengths[1])
            total = total + ((1 - correlation) ** 2 if i == j else weight * correlation**2)
    return total


def test_loss_and_gradient_equal_a_loop_over_pairs_of_dimensions(barlow: BarlowTwins) -> None:
    barlow.double()
    views = torch.randn(2, 8, 1, 14, 14, dtype=torch.float64)
    expected = loop(*(barlow.projector(barlow.backbone(view)) for view in views), 0.1)
    loss = barlow.loss(views)["loss"]
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = list(barlow.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_correlations_of_equal_opposite_and_unrelated_dimensions() -> None:
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    torch.testing.assert_close(cross_correlation(z, 5 * z + 3), torch.eye(2))
    torch.testing.assert_close(cross_correlation(z, -z), -torch.eye(2))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cross_correlation(z, z), torch.eye(2))


def test_a_dimension_that_is_constant_gives_a_finite_gradient() -> None:
    z = torch.zeros(4, 2, requires_grad=True)
    slope = torch.autograd.grad((cross_correlation(z, z) - torch.eye(2)).square().sum(), z)[0]
    assert slope.isfinite().all()


@pytest.mark.parametrize("wrong", [{"projection_dim": 0}, {"redundancy_weight": -1.0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BarlowTwinsConfig(**wrong)
