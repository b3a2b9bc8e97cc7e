"""SimSiam's loss and gradient against plain loops; where no gradient flows; that it learns and does not collapse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_simsiam import Config
from harness_simsiam.method import SimSiam, distance
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness import Data
from harness.learning.data.batches import Source

SMALL = Config(projection_dim=16, hidden_dim=8)


def by_rows(p: Tensor, z: Tensor) -> tuple[float, Tensor]:
    """Eq. 1 and its gradient at p, one row at a time in float64: d(-cos)/dp = -(z/|z| - cos p/|p|) / |p|."""
    total, gradients = 0.0, []
    for a, b in zip(p.double(), z.double(), strict=True):
        cosine = float(sum(x * y for x, y in zip(a, b, strict=True)) / (a.norm() * b.norm()))
        total -= cosine
        gradients.append(-(b / b.norm() - cosine * a / a.norm()) / a.norm() / len(p))
    return total / len(p), torch.stack(gradients)


@given(images=st.integers(1, 6), width=st.integers(2, 8), seed=st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_distance_and_its_gradient_equal_a_loop_over_rows(images: int, width: int, seed: int) -> None:
    p, z = torch.randn(2, images, width, generator=torch.Generator().manual_seed(seed)).unbind()
    p.requires_grad_()
    z.requires_grad_()
    ours = distance(p, z)
    expected, gradient = by_rows(p.detach(), z.detach())
    assert ours.item() == pytest.approx(expected, abs=1e-5)
    at_p, at_z = torch.autograd.grad(ours, (p, z), allow_unused=True)
    torch.testing.assert_close(at_p.double(), gradient, rtol=1e-3, atol=1e-4)
    assert at_z is None  # the stop-gradient


def test_distance_is_computed_in_float32_under_autocast() -> None:
    p, z = torch.randn(2, 6, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distance(p, z), distance(p.clone(), z))
        assert distance(p.bfloat16(), z.bfloat16()).dtype == torch.float32
        within = distance(p, z)
    assert torch.equal(within, distance(p, z))


@pytest.fixture
def simsiam(gratings: Data, tiny_net: Any) -> SimSiam:
    return SimSiam(tiny_net, SMALL, gratings)


def test_loss_and_gradient_are_those_of_algorithm_1_with_targets_as_constants(simsiam: SimSiam) -> None:
    """In float64, and with targets that were computed before and apart: what stop-gradient means."""
    simsiam.double()
    views = torch.randn(2, 8, 1, 14, 14, dtype=torch.float64)
    with torch.no_grad():
        targets = [simsiam.projector(simsiam.backbone(view)) for view in views]
    predictions = [simsiam.predictor(simsiam.projector(simsiam.backbone(view))) for view in views]
    expected = torch.zeros((), dtype=torch.float64)
    for prediction, target in zip(predictions, reversed(targets), strict=True):
        for p, z in zip(prediction, target, strict=True):
            expected = expected - (p @ z) / (p.norm() * z.norm()) / (2 * len(prediction))
    loss = simsiam.loss(views)["loss"]
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)
    weights = list(simsiam.parameters())
    pairs = zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True)
    for ours, reference in pairs:
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-5)


def test_gradient_reaches_the_projector_through_the_predictor_alone(simsiam: SimSiam) -> None:
    views = torch.randn(2, 8, 1, 14, 14)
    with torch.no_grad():
        simsiam.predictor[-1].weight.zero_()  # predictions are constant now
    simsiam.loss(views)["loss"].backward()
    assert all(weight.grad is not None for weight in simsiam.parameters())
    assert not any(weight.grad.any() for weight in simsiam.projector.parameters() if weight.grad is not None)
    assert simsiam.predictor[-1].bias.grad.any()


def test_networks_are_those_of_the_papers_cifar_experiments(simsiam: SimSiam) -> None:
    names = [type(each).__name__ for each in (*simsiam.projector, *simsiam.predictor)]
    hidden = ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert names == [*hidden, "BatchNorm1d", *hidden]
    z = simsiam.projector(torch.randn(64, 32))
    torch.testing.assert_close(z.mean(0), torch.zeros(16), atol=1e-5, rtol=0)
    assert [tuple(each.weight.shape) for each in simsiam.predictor if hasattr(each, "in_features")] == [
        (8, 16),
        (16, 8),
    ]


def test_spread_is_one_on_the_sphere_and_zero_where_collapsed(gratings: Data) -> None:
    class Given(torch.nn.Module):
        feature_dim = 16

        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)

    method = SimSiam(Given(), SMALL, gratings)
    method.projector = torch.nn.Identity()
    sphere = torch.randn(2, 4096, 16, generator=torch.Generator().manual_seed(0))
    assert method.loss(sphere)["spread"].item() == pytest.approx(1, abs=0.02)
    assert method.loss(torch.ones(2, 64, 16))["spread"].item() == pytest.approx(0, abs=1e-5)


def test_encode_gives_the_backbones_features_and_no_label_is_in_a_batch(simsiam: SimSiam, gratings: Data) -> None:
    images = torch.randn(3, 1, 14, 14)
    simsiam.eval()
    assert torch.equal(simsiam.encode(images), simsiam.backbone(images))
    views = simsiam.batches.draw(Source(gratings, 16, seed=0), 0)
    assert isinstance(views, Tensor)
    assert views.shape == (2, 16, 1, 14, 14)


@pytest.mark.parametrize("wrong", [{"projection_dim": 0}, {"hidden_dim": 0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(**wrong)
