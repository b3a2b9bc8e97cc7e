"""Meta-SGD and Meta-Curvature against inner loops by hand, finite differences, and MAML."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_fewshot import GradientConfig, MetaSGDConfig
from harness_fewshot.gradients import GradientLearner
from harness_fewshot.meta_curvature import MetaCurvature
from harness_fewshot.meta_sgd import MetaSGD
from harness_maml import MAMLConfig
from harness_maml.maml import MAML
from torch import Tensor, nn
from torch.func import functional_call

from harness import Data, EpisodeBatch, UsageError
from harness.learning.data.batches import Source

SMALL = {"ways": 3, "shots": 2, "queries": 4, "tasks": 2, "inner_lr": 0.3, "inner_steps": 2, "test_steps": 2}
KINDS = {"meta_sgd": (MetaSGD, MetaSGDConfig), "meta_curvature": (MetaCurvature, GradientConfig)}


class Smooth(nn.Module):
    """A convolution with batch norm, for which finite differences exist: (N, 1, 14, 14) -> (N, 4)."""

    feature_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.Softplus())

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).mean((2, 3))


def made(name: str, data: Data, **options: Any) -> GradientLearner:
    """With rates or matrices that are not those it begins with."""
    kind, config = KINDS[name]
    torch.manual_seed(0)
    method = kind(Smooth(), config(**{**SMALL, **options}), data).double().train()
    known = {id(weight) for weight in method.network.parameters()}
    with torch.no_grad():
        for weight in method.parameters():
            if id(weight) not in known:
                weight.add_(0.1 * torch.randn_like(weight))
    return method


def drawn(method: Any, data: Data) -> EpisodeBatch:
    batch: EpisodeBatch = method.batches.draw(Source(data, 1, 0), 0)
    return batch._replace(support=batch.support.double(), query=batch.query.double())


def scaled(method: Any, number: int, slope: Tensor) -> Tensor:
    """Equation 2 of Meta-SGD: what weight `number` is moved by, less its sign."""
    return method.rates[number] * slope


def curved(method: Any, number: int, slope: Tensor) -> Tensor:
    """Section 3 of Meta-Curvature, an index at a time: a matrix for each side of the gradient."""
    parts = method.curvature.transforms_modules[number]
    if slope.ndim == 1:
        return method.config.inner_lr * parts.mc * slope
    if slope.ndim == 2:
        return method.config.inner_lr * torch.einsum("oa,ab,bi->oi", parts.mc_in, slope, parts.mc_out)
    places = slope.flatten(2)
    moved = torch.einsum("oa,abp,bi,qp->oiq", parts.mc_in, places, parts.mc_out, parts.mc_f)
    return method.config.inner_lr * moved.view_as(slope)


def by_hand(method: Any, batch: EpisodeBatch, moved: Any) -> Tensor:
    """The meta-loss with transductive batch norm: each forward's own statistics, as a network in training has them."""
    network, losses = method.network, []
    for support, labels, query, targets in zip(*batch, strict=True):
        weights = dict(network.named_parameters())
        for _ in range(method.config.inner_steps):
            loss = F.cross_entropy(functional_call(network, weights, support), labels)
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = {
                name: weight - moved(method, number, slope)
                for number, ((name, weight), slope) in enumerate(zip(weights.items(), slopes, strict=True))
            }
        losses.append(F.cross_entropy(functional_call(network, weights, query), targets))
    return torch.stack(losses).mean()


@pytest.mark.parametrize(("name", "moved"), [("meta_sgd", scaled), ("meta_curvature", curved)])
def test_the_loss_and_its_gradient_are_those_of_an_inner_loop_by_hand(name: str, moved: Any, gratings: Data) -> None:
    method = made(name, gratings, batch_norm="transductive")
    batch, weights = drawn(method, gratings), list(method.parameters())
    ours, expected = method.loss(batch)["loss"], by_hand(method, batch, moved)
    torch.testing.assert_close(ours, expected)
    for one, other in zip(torch.autograd.grad(ours, weights), torch.autograd.grad(expected, weights), strict=True):
        assert one.any()
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", KINDS)
def test_the_meta_gradient_agrees_with_finite_differences(name: str, gratings: Data) -> None:
    """With inductive batch norm, along random directions of all weights, rates and matrices."""
    method = made(name, gratings)
    batch, weights = drawn(method, gratings), list(method.parameters())
    start = nn.utils.parameters_to_vector(weights).detach()
    slopes = torch.autograd.grad(method.loss(batch)["loss"], weights)
    slope = torch.cat([part.flatten() for part in slopes])
    for direction in torch.randn(4, len(start), generator=torch.Generator().manual_seed(0), dtype=torch.float64):
        ends = []
        for sign in (1, -1):
            nn.utils.vector_to_parameters(start + sign * 1e-5 * direction, weights)
            ends.append(method.loss(batch)["loss"].item())
        nn.utils.vector_to_parameters(start, weights)
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx((slope @ direction).item(), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", KINDS)
def test_it_begins_as_maml(name: str, gratings: Data) -> None:
    """Equal rates, or identities: the same loss, and the same logits after as many steps of an evaluation."""
    kind, config = KINDS[name]
    methods = []
    for each, options in ((kind, config(**SMALL)), (MAML, MAMLConfig(**SMALL))):
        torch.manual_seed(0)
        methods.append(each(Smooth(), options, gratings).double().train())
    batch = drawn(methods[0], gratings)
    ours, theirs = (method.loss(batch)["loss"] for method in methods)
    torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        logits = [method.eval().adapt(batch.support, batch.support_labels, 3)(batch.query) for method in methods]
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize("name", KINDS)
def test_adaptation_is_the_inner_loop_of_training_and_changes_nothing(name: str, gratings: Data) -> None:
    method = made(name, gratings)
    batch = drawn(method, gratings)
    expected = method.loss(batch)["loss"]
    before = {key: value.clone() for key, value in method.state_dict().items()}
    with torch.no_grad():
        logits = method.eval().adapt(batch.support, batch.support_labels, 3)(batch.query)
    torch.testing.assert_close(F.cross_entropy(logits.flatten(0, 1), batch.query_labels.flatten()), expected)
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())


def test_weights_that_have_no_transform_are_refused(gratings: Data) -> None:
    backbone = nn.Sequential(nn.Flatten(2), nn.Conv1d(1, 2, 3), nn.Flatten())
    backbone.feature_dim = 388  # type: ignore[assignment]  # a backbone's attribute
    with pytest.raises(UsageError, match=r"1\.weight has 3: take another backbone"):
        MetaCurvature(backbone, GradientConfig(), gratings)


@pytest.mark.parametrize("name", KINDS)
def test_tasks_on_threads_have_the_gradient_of_tasks_in_turn(name: str, gratings: Data, on_threads: Any) -> None:
    method = made(name, gratings)
    for one, other in on_threads(method, drawn(method, gratings)):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other)
