"""DCL and DCLW against loops over pairs in float64, gradients too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_joint import DCLConfig, DCLWConfig
from harness_joint.dcl import DCL, DCLW, mises_fisher
from torch import Tensor

from harness import Data


def loop(z: Tensor, temperature: float, sigma: float | None) -> Tensor:
    """Eq. 6 and, with sigma, the weights of DCLW, one pair at a time. Neither the row itself nor its positive is in the
    denominator."""
    number = len(z) // 2

    def cosine(i: int, j: int) -> Tensor:
        return (z[i] @ z[j]) / (z[i] @ z[i]).sqrt() / (z[j] @ z[j]).sqrt()

    total = torch.zeros((), dtype=torch.float64)
    for i in range(2 * number):
        weight: Any = 1.0
        if sigma is not None:
            mean = sum((cosine(k, k + number) / sigma).exp() for k in range(number)) / number
            weight = 2 - (cosine(i, (i + number) % (2 * number)) / sigma).exp() / mean
        others = [k for k in range(2 * number) if k % number != i % number]
        assert len(others) == 2 * number - 2
        denominator = sum((cosine(i, k) / temperature).exp() for k in others)
        total = total - weight * cosine(i, (i + number) % (2 * number)) / temperature + denominator.log()
    return total / (2 * number)


@pytest.mark.parametrize("sigma", [None, 0.3])
def test_loss_and_gradient_equal_a_loop_over_pairs(sigma: float | None, gratings: Data, tiny_net: Any) -> None:
    small = {"temperature": 0.2, "projection_dim": 6}
    method = (
        DCL(tiny_net, DCLConfig(**small), gratings)
        if sigma is None
        else DCLW(tiny_net, DCLWConfig(**small, sigma=sigma), gratings)
    ).double()
    views = torch.randn(2, 5, 1, 14, 14, dtype=torch.float64)
    expected = loop(method.projector(method.backbone(views.flatten(0, 1))), 0.2, sigma)
    loss = method.loss(views)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = list(method.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_weights_are_one_on_the_mean_and_larger_for_positives_that_are_far_apart() -> None:
    weights = mises_fisher(torch.tensor([0.9, 0.1, -0.5]), 0.5)
    assert weights.mean().item() == pytest.approx(1)
    assert weights.tolist() == sorted(weights.tolist())
    torch.testing.assert_close(mises_fisher(torch.tensor([0.9, 0.1]), 1e6), torch.ones(2))


def test_a_positive_that_comes_nearer_lowers_the_loss_by_all_of_it(gratings: Data, tiny_net: Any) -> None:
    """SimCLR's gradient fades as the positive comes to dominate the denominator; this one does not."""
    method = DCL(tiny_net, DCLConfig(temperature=0.1), gratings)
    method.backbone, method.projector = torch.nn.Identity(), torch.nn.Identity()
    views = torch.eye(4).repeat(2, 1, 1)  # both views equal, different images orthogonal
    assert method.loss(views).item() == pytest.approx(-10 + torch.tensor(6.0).log().item(), rel=1e-5)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"sigma": 0.0}, {"projection_dim": 0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DCLWConfig(**wrong)
