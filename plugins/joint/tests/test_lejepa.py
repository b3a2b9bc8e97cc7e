"""LeJEPA's loss and gradient against loops in float64; SIGReg against the statistic's closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_joint import LeJEPAConfig
from harness_joint.lejepa import LeJEPA, sigreg
from torch import Tensor

from harness import Data

SMALL = {"projection_dim": 4, "hidden_dim": 12, "slices": 3}


@pytest.fixture
def lejepa(gratings: Data, tiny_net: Any) -> LeJEPA:
    return LeJEPA(tiny_net, LeJEPAConfig(sigreg_weight=0.2, **SMALL), gratings)


def slow_sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """The statistic with complex numbers, over -3 .. 3, one direction and one point at a time."""
    step = 3 / 16
    total = torch.zeros((), dtype=torch.float64)
    for direction in directions.T:
        for k in range(-16, 17):
            t = k * step
            found = sum(torch.exp(1j * t * (row @ direction)) for row in z) / len(z)
            gap = (found - math.exp(-(t**2) / 2)).abs() ** 2
            total = total + len(z) * gap * math.exp(-(t**2) / 2) * (step / 2 if abs(k) == 16 else step)
    return total / directions.shape[1]


def test_loss_and_gradient_equal_a_loop(lejepa: LeJEPA) -> None:
    lejepa.double()
    views = torch.randn(2, 6, 1, 14, 14, dtype=torch.float64)
    one, other = (lejepa.projector(lejepa.backbone(view)) for view in views)
    torch.manual_seed(5)
    directions = F.normalize(torch.randn(4, 3), dim=0).double()
    prediction = torch.zeros((), dtype=torch.float64)
    for z in (one, other):
        for i in range(6):
            for d in range(4):
                prediction = prediction + (z[i, d] - (one[i, d] + other[i, d]) / 2) ** 2 / (2 * 6 * 4)
    gaussian = (slow_sigreg(one, directions) + slow_sigreg(other, directions)) / 2
    expected = 0.8 * prediction + 0.2 * gaussian
    torch.manual_seed(5)
    found = lejepa.loss(views)
    torch.testing.assert_close(found["loss"].double(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["sigreg"].double(), gaussian, rtol=1e-4, atol=1e-5)
    weights = list(lejepa.parameters())
    for ours, reference in zip(
        *(torch.autograd.grad(each, weights) for each in (found["loss"], expected)), strict=True
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_sigreg_is_near_the_closed_form_of_the_whole_integral() -> None:
    """Epps and Pulley (1983), without limits to the integral; beyond 3, its integrand is less than .1 % of the sum."""
    x = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 + 1
    pairs = sum(math.exp(-((a - b) ** 2) / 2) for a in x.tolist() for b in x.tolist()) / 50**2
    mixed = sum(math.exp(-(a**2) / 4) for a in x.tolist()) / 50
    whole = 50 * math.sqrt(2 * math.pi) * (pairs - math.sqrt(2) * mixed + 1 / math.sqrt(3))
    assert sigreg(x[:, None], torch.ones(1, 1, dtype=torch.float64)).item() == pytest.approx(whole, rel=0.01)


def test_sigreg_is_least_for_a_standard_normal_sample() -> None:
    generator = torch.Generator().manual_seed(0)
    directions = F.normalize(torch.randn(8, 64, generator=generator), dim=0)
    normal = torch.randn(256, 8, generator=generator)
    least = sigreg(normal, directions)
    for other in (2 * normal, 0.3 * normal, normal + 1, torch.zeros(256, 8), normal[:, :1].expand(-1, 8)):
        assert sigreg(other, directions) > 3 * least


def test_directions_are_other_ones_at_each_step_and_the_loss_is_in_float32(lejepa: LeJEPA) -> None:
    views = torch.randn(2, 8, 1, 14, 14)
    lejepa.eval()
    assert lejepa.loss(views)["sigreg"] != lejepa.loss(views)["sigreg"]
    with torch.autocast("cpu", torch.bfloat16):
        assert lejepa.loss(views)["loss"].dtype == torch.float32


@pytest.mark.parametrize("wrong", [{"slices": 0}, {"sigreg_weight": 1.5}, {"sigreg_weight": -0.1}, {"hidden_dim": 0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LeJEPAConfig(**wrong)
