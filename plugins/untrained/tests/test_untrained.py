"""The floor has nothing to train and gives the backbone's features."""

from __future__ import annotations

from typing import Any

import torch
from harness_untrained.method import Untrained

from harness import Data, NoOptions


def test_nothing_is_trained(gratings: Data, tiny_net: Any) -> None:
    method = Untrained(tiny_net, NoOptions(), gratings)
    assert method.batches is None
    assert {id(weight) for weight in method.parameters()} == {id(weight) for weight in tiny_net.parameters()}


def test_features_are_the_backbones(gratings: Data, tiny_net: Any) -> None:
    images = torch.randn(5, 1, 14, 14)
    method = Untrained(tiny_net, NoOptions(), gratings).eval()
    assert torch.equal(method.encode(images), tiny_net(images))


def test_random_features_are_above_chance_and_far_from_perfect(gratings: Data, tiny_net: Any, score: Any) -> None:
    assert 1 / 6 < score(Untrained(tiny_net, NoOptions(), gratings), gratings) < 0.7
