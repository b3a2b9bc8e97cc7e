"""Labels have no part in training: with others, and with none, the weights are the same bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness import Budget, Data, Method, NoOptions, Split
from harness.learning.data.batches import Source
from harness.learning.training import train
from harness.plugins.registry import registry
from harness.testing.problem import SmallNet, relabelled

OPTIONS = {"protoclr": {}, "umtra": {}, "psco": {"queue_size": 40, "projection_dim": 8, "hidden_dim": 16}}


def trained(name: str, data: Data) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    spec = registry().get("method", name)
    method: Method = spec.load()(SmallNet(NoOptions(), (1, 14, 14)), spec.config(**OPTIONS[name]), data)
    budget = Budget(steps=3, batch_size=16, **{key: spec.budget[key] for key in ("optimizer", "lr")})
    train(method, Source(data, 16, 0), budget, Path("nowhere"), lambda *_: None)
    return method.state_dict()


@pytest.mark.parametrize("name", OPTIONS)
def test_training_is_the_same_with_other_labels_and_with_none(name: str, gratings: Data) -> None:
    without = replace(gratings, splits={**gratings.splits, "train": Split(gratings.train.samples)})
    expected, *others = (trained(name, data) for data in (gratings, relabelled(gratings), without))
    for found in others:
        assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_other_images_would_be_seen(gratings: Data) -> None:
    moved = replace(gratings, splits={**gratings.splits, "train": Split(gratings.train.samples.flip(0))})  # type: ignore[union-attr]
    one, other = trained("protoclr", gratings), trained("protoclr", moved)
    assert not all(torch.equal(one[key], value) for key, value in other.items())
