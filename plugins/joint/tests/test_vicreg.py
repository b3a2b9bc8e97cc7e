"""VICReg's loss and gradient against loops over algorithm 1 in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_joint import VICRegConfig
from harness_joint.vicreg import VICReg, covariance, variance
from torch import Tensor

from harness import Data

WEIGHTS = {"invariance_weight": 3.0, "variance_weight": 2.0, "covariance_weight": 0.5}


@pytest.fixture
def vicreg(gratings: Data, tiny_net: Any) -> VICReg:
    return VICReg(tiny_net, VICRegConfig(projection_dim=5, **WEIGHTS), gratings)


def loop(one: Tensor, other: Tensor) -> Tensor:
    """Algorithm 1, one number at a time. Variances and covariances have N - 1."""
    number, width = one.shape
    total = torch.zeros((), dtype=torch.float64)
    for i in range(number):
        for d in range(width):
            total = total + 3.0 * (one[i, d] - other[i, d]) ** 2 / (number * width)
    for z in (one, other):
        means = [sum(z[i, d] for i in range(number)) / number for d in range(width)]
        for a in range(width):
            for b in range(width):
                shared = sum((z[i, a] - means[a]) * (z[i, b] - means[b]) for i in range(number)) / (number - 1)
                if a == b:
                    below = 1 - (shared + 1e-4) ** 0.5
                    total = total + 2.0 * (below if below > 0 else 0 * below) / width
                else:
                    total = total + 0.5 * shared**2 / width
    return total


def test_loss_and_gradient_equal_a_loop_over_numbers(vicreg: VICReg) -> None:
    vicreg.double()
    views = torch.randn(2, 7, 1, 14, 14, dtype=torch.float64)
    expected = loop(*(vicreg.projector(vicreg.backbone(view)) for view in views))
    loss = vicreg.loss(views)["loss"]
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = list(vicreg.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_variance_is_a_hinge_and_has_n_minus_1() -> None:
    """Of -1 and 1, the variance is 2 with N - 1 and 1 with N."""
    z = torch.tensor([[-0.5, -5.0], [0.5, 5.0]])
    assert variance(z).item() == pytest.approx((1 - 0.5001**0.5) / 2, abs=1e-6)
    assert variance(torch.zeros(4, 3)).item() == pytest.approx(0.99)


def test_covariance_is_of_different_dimensions_and_has_n_minus_1() -> None:
    z = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    assert covariance(z).item() == pytest.approx(2 * 2**2 / 2)
    assert covariance(z + 7).item() == pytest.approx(2 * 2**2 / 2)
    assert covariance(torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])).item() == 0


@pytest.mark.parametrize("wrong", [{"projection_dim": 0}, *({name: -1.0} for name in WEIGHTS)])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        VICRegConfig(**wrong)
