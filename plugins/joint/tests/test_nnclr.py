"""NNCLR's loss and gradient against loops over eqs. 3 and 4 in float64; its queue."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_joint import NNCLRConfig
from harness_joint.nnclr import NNCLR, nearest
from torch import Tensor

from harness import Data

SMALL = {"projection_dim": 6, "hidden_dim": 12, "predictor_dim": 10, "queue_size": 20}
VIEWS = (2, 8, 1, 14, 14)


@pytest.fixture
def nnclr(gratings: Data, tiny_net: Any) -> NNCLR:
    return NNCLR(tiny_net, NNCLRConfig(temperature=0.2, **SMALL), gratings)


def loop(z: Tensor, predictions: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Eqs. 3 and 4, one pair at a time: the neighbour of view i against the predictions of the other views."""
    predictions = predictions / (predictions**2).sum(1, keepdim=True) ** 0.5
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        own = (z[i] / z[i].norm()).detach()
        distances = [float(((own - key) ** 2).sum()) for key in queue]
        neighbour = queue[distances.index(min(distances))].double()
        weights = [((neighbour @ each) / temperature).exp() for each in predictions]
        total = total - (weights[i] / sum(weights)).log()
    return total / len(z)


def test_loss_and_gradient_equal_a_loop_over_pairs_in_both_directions(nnclr: NNCLR) -> None:
    nnclr.double()
    nnclr.queue = nnclr.queue.float()  # as projections are
    views = torch.randn(VIEWS, dtype=torch.float64)
    one, other = (nnclr.projector(nnclr.backbone(view)) for view in views)
    queue = nnclr.queue.clone()
    expected = loop(one, nnclr.predictor(other), queue, 0.2) / 2 + loop(other, nnclr.predictor(one), queue, 0.2) / 2
    loss = nnclr.loss(views)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = list(nnclr.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_neighbours_are_rows_of_the_queue_without_gradient() -> None:
    queue = torch.eye(3)
    keys = F.normalize(torch.tensor([[0.1, 0.9, 0.0], [0.0, 0.0, 1.0]]), dim=1).requires_grad_()
    found = nearest(keys, queue)
    assert torch.equal(found, queue[[1, 2]])
    assert not found.requires_grad


def test_projections_join_the_queue_after_the_loss_that_they_belong_to(nnclr: NNCLR) -> None:
    """Trap: a view whose nearest neighbour is itself."""
    queue = nnclr.queue.clone()
    views = torch.randn(VIEWS)
    loss = nnclr.loss(views)
    assert torch.equal(nnclr.queue, queue)
    loss.backward()
    nnclr.after_step(0, 10)
    first = F.normalize(nnclr.projector(nnclr.backbone(views[0])), dim=1)
    torch.testing.assert_close(nnclr.queue[:8], first.detach(), rtol=1e-4, atol=1e-5)
    assert torch.equal(nnclr.queue[8:], queue[8:])
    assert nnclr.place.item() == 8


def test_gradient_reaches_all_networks_and_not_the_queue(nnclr: NNCLR) -> None:
    nnclr.loss(torch.randn(VIEWS)).backward()
    assert all(weight.grad is not None for weight in nnclr.parameters())
    assert not nnclr.queue.requires_grad
    assert {"queue", "place"} <= set(nnclr.state_dict())


def test_loss_is_computed_in_float32_under_autocast(nnclr: NNCLR) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert nnclr.loss(torch.randn(VIEWS)).dtype == torch.float32
    assert nnclr.newest_keys.dtype == torch.float32


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"queue_size": 0}, {"predictor_dim": 0}, {"hidden_dim": -1}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NNCLRConfig(**wrong)
