"""Reptile against the paper's algorithm by hand, what its minibatches are, and what adaptation leaves alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_fewshot import ReptileConfig
from harness_fewshot.reptile import Reptile, minibatches
from torch import Tensor, nn

from harness import Data, EpisodeBatch, UsageError
from harness.learning.data.batches import Source

SMALL = {"ways": 3, "shots": 4, "queries": 2, "tasks": 2, "inner_steps": 3, "inner_shots": 2, "test_steps": 4}


def reptile(net: nn.Module, data: Data, **options: Any) -> Reptile:
    torch.manual_seed(2)
    return Reptile(net, ReptileConfig(**{**SMALL, **options}), data).train()


def drawn(method: Reptile, data: Data) -> EpisodeBatch:
    return method.batches.draw(Source(data, 1, 0), 0)  # type: ignore[union-attr,no-any-return]


def adam(weights: list[Tensor], squares: list[Tensor], slopes: tuple[Tensor, ...], step: int, lr: float) -> None:
    """Kingma and Ba 2015, algorithm 1, with beta_1 = 0, in place."""
    for weight, square, slope in zip(weights, squares, slopes, strict=True):
        square.mul_(0.999).add_(0.001 * slope**2)
        weight.data -= lr * slope / ((square / (1 - 0.999**step)).sqrt() + 1e-8)


def learned(method: Reptile, support: Tensor, labels: Tensor, parts: list[list[int]]) -> nn.Module:
    """The inner loop by hand; in training mode, batch norm takes the statistics of its minibatch."""
    network = copy.deepcopy(nn.Sequential(method.backbone, method.head)).train()
    weights = list(network.parameters())
    squares = [torch.zeros_like(weight) for weight in weights]
    for step, part in enumerate(parts, start=1):
        loss = F.cross_entropy(network(support[part])[:, : int(labels.max()) + 1], labels[part])
        adam(weights, squares, torch.autograd.grad(loss, weights), step, method.config.inner_lr)
    return network


PARTS = [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11], [0, 1, 4, 5, 8, 9]]  # 2 of the 4 shots of 3 classes, over and over


def test_minibatches_take_the_next_shots_of_every_class() -> None:
    labels = torch.arange(3).repeat_interleave(4)
    assert [part.tolist() for part in minibatches(labels, 2, 3)] == PARTS
    mixed = torch.tensor([1, 0, 0, 1])
    assert [part.tolist() for part in minibatches(mixed, 1, 3)] == [[1, 0], [2, 3], [1, 0]]


def test_plain_sgd_of_rate_epsilon_makes_the_step_of_algorithm_2(gratings: Data, tiny_net: nn.Module) -> None:
    method = reptile(tiny_net, gratings).double()
    batch = drawn(method, gratings)
    batch = batch._replace(support=batch.support.double(), query=batch.query.double())
    before = [weight.detach().clone() for weight in method.parameters()]
    ends = [
        [weight.detach() for weight in learned(method, support, labels, PARTS).parameters()]
        for support, labels in zip(batch.support, batch.support_labels, strict=True)
    ]
    method.loss(batch)["loss"].backward()
    torch.optim.SGD(method.parameters(), lr=0.3).step()
    for old, new, one, other in zip(before, method.parameters(), *ends, strict=True):
        torch.testing.assert_close(new.detach(), old + 0.3 * ((one - old) + (other - old)) / 2)


def test_the_logged_loss_is_that_of_queries_normalised_by_the_support_set(gratings: Data, tiny_net: nn.Module) -> None:
    method = reptile(tiny_net, gratings).double()
    batch = drawn(method, gratings)
    batch = batch._replace(support=batch.support.double(), query=batch.query.double())
    losses = []
    for support, labels, query, targets in zip(*batch, strict=True):
        network = learned(method, support, labels, PARTS)
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = 1.0
        network(support)
        sizes = [len(support) * side * side for side in (14, 7)]  # tiny_net pools once
        for norm, size in zip(norms, sizes, strict=True):
            assert norm.running_var is not None
            norm.running_var *= (size - 1) / size  # torch keeps the unbiased variance
        losses.append(F.cross_entropy(network.eval()(query), targets))
    torch.testing.assert_close(method.loss(batch)["loss"], torch.stack(losses).mean())


def test_adaptation_takes_the_whole_support_set_and_changes_nothing(gratings: Data, tiny_net: nn.Module) -> None:
    method = reptile(tiny_net, gratings).eval()
    batch = drawn(method, gratings)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    with torch.no_grad():
        logits = method.adapt(batch.support, batch.support_labels, 3)(batch.query)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert {type(module) for module in method.modules()} >= {nn.BatchNorm2d}
    network = learned(method, batch.support[1], batch.support_labels[1], [list(range(12))] * 4)
    together = network(torch.cat([batch.support[1], batch.query[1]]))  # not yet normalised by the support set alone
    assert logits.shape == (2, 6, 3)
    assert not torch.allclose(logits[1], together[12:])
    alone = method.adapt(batch.support[1:], batch.support_labels[1:], 3)(batch.query[1:, :1])
    torch.testing.assert_close(alone[0], logits[1, :1])


def test_under_autocast_the_inner_loop_is_the_one_of_float32(gratings: Data, tiny_net: nn.Module) -> None:
    moves = []
    for enabled in (False, True):
        method = reptile(copy.deepcopy(tiny_net), gratings)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            method.loss(drawn(method, gratings))["loss"].backward()
        moves.append([weight.grad for weight in method.parameters()])
    for one, other in zip(*moves, strict=True):
        torch.testing.assert_close(one, other)


def test_fewer_ways_use_the_first_outputs_and_more_are_refused(gratings: Data, tiny_net: nn.Module) -> None:
    method = reptile(tiny_net, gratings).eval()
    with pytest.raises(UsageError, match="reptile learns tasks of 3 classes"):
        method.check_ways(4)
    support, query = torch.randn(1, 2, 1, 14, 14), torch.randn(1, 5, 1, 14, 14)
    assert method.adapt(support, torch.tensor([[1, 0]]), 2)(query).shape == (1, 5, 2)


@pytest.mark.parametrize("values", [{"inner_shots": 0}, {"inner_shots": 11}, {"inner_lr": 0.0}, {"tasks": 0}])
def test_impossible_options_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ReptileConfig(**values)
