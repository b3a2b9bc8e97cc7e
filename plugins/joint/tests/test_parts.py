"""What the family shares, against what its members would do by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_joint import BYOLConfig
from harness_joint.parts import TwoViews, enqueue, mlp, momentum_at, off_diagonal, other_views, similarities
from torch import nn

from harness import Data


def test_views_pass_apart_with_statistics_of_their_own(gratings: Data, tiny_net: Any) -> None:
    method = TwoViews(tiny_net, BYOLConfig(), gratings, 16, 8)
    views = torch.randn(2, 12, 1, 14, 14)
    one, other = method.projected(views)
    assert one.shape == other.shape == (12, 8)
    alone = method.projector(method.backbone(views[0]))
    torch.testing.assert_close(one, alone)
    assert not torch.allclose(one, method.projector(method.backbone(views.flatten(0, 1)))[:12], atol=1e-4)


def test_layers_of_an_mlp() -> None:
    hidden = ["Linear", "BatchNorm1d", "ReLU"]
    assert [type(each).__name__ for each in mlp(5, 7, 3)] == [*hidden, "Linear"]
    three = nn.Sequential(*mlp(5, 7, 6, 3))
    assert [type(each).__name__ for each in three] == [*hidden, *hidden, "Linear"]
    assert [tuple(each.weight.shape) for each in three if isinstance(each, nn.Linear)] == [(7, 5), (6, 7), (3, 6)]
    assert all(each.bias is None for each in three if isinstance(each, nn.Linear))


def test_momentum_rises_from_its_start_to_one() -> None:
    assert [momentum_at(step, 4, 0.9) for step in (0, 2, 4)] == pytest.approx([0.9, 0.95, 1.0])
    assert momentum_at(1, 4, 0.9) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2)


def test_a_queue_is_changed_in_place_oldest_first() -> None:
    queue, place = torch.zeros(3, 1), torch.zeros((), dtype=torch.int64)
    enqueue(queue, place, torch.tensor([[1.0], [2.0]]))
    enqueue(queue, place, torch.tensor([[3.0], [4.0]]))
    assert queue.flatten().tolist() == [4.0, 2.0, 3.0]
    assert place.item() == 1


def test_off_diagonal_other_views_and_similarities() -> None:
    matrix = torch.arange(9.0).reshape(3, 3)
    assert off_diagonal(matrix).tolist() == [[0, 1, 2], [3, 0, 5], [6, 7, 0]]
    assert other_views(torch.empty(6, 1)).tolist() == [3, 4, 5, 0, 1, 2]
    z = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    torch.testing.assert_close(similarities(z, 0.5), torch.tensor([[1.0, 0.8], [0.8, 1.0]]) / 0.5)
