"""Meta-Baseline against a plain loop."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_metabaseline import Config
from harness_metabaseline.method import MetaBaseline
from torch import Tensor

from harness import Data
from harness.learning.data.batches import Source


def loop(support: Tensor, labels: Tensor, query: Tensor, scale: float) -> list[list[float]]:
    """Equation 3 of the paper, a number at a time: logits (Q, ways) of one task, from features."""
    ways, width = int(labels.max()) + 1, support.shape[1]
    means = []
    for way in range(ways):
        members = [row for row, label in zip(support.tolist(), labels.tolist(), strict=True) if label == way]
        means.append([sum(row[i] for row in members) / len(members) for i in range(width)])
    return [
        [
            scale * sum(a * b for a, b in zip(row, mean, strict=True)) / (math.hypot(*row) * math.hypot(*mean))
            for mean in means
        ]
        for row in query.tolist()
    ]


def test_the_loss_is_that_of_a_loop_and_moves_the_scale(gratings: Data, tiny_net: Any) -> None:
    config = Config(ways=4, shots=3, queries=2, tasks=2, scale=7.0)
    method = MetaBaseline(tiny_net, config, gratings).double().train()
    batch = method.batches.draw(Source(gratings, 1, 0), 0)  # type: ignore[union-attr]
    batch = batch._replace(support=batch.support.double(), query=batch.query.double())
    inputs = torch.cat([batch.support, batch.query], 1)
    features = tiny_net(inputs.flatten(0, 1)).detach().unflatten(0, (2, -1))  # one batch norm over both tasks
    losses, right = [], []
    for task in range(2):
        logits = loop(features[task, :12], batch.support_labels[task], features[task, 12:], 7.0)
        for row, target in zip(logits, batch.query_labels[task].tolist(), strict=True):
            losses.append(math.log(sum(map(math.exp, row))) - row[target])
            right.append(row.index(max(row)) == target)
    scalars = method.loss(batch)
    # the loss itself is computed in float32, as under autocast
    assert scalars["loss"].item() == pytest.approx(sum(losses) / 16, abs=1e-6)
    assert scalars["accuracy"].item() == pytest.approx(sum(right) / 16)
    scalars["loss"].backward()
    assert method.scale.grad is not None
    assert method.scale.grad.abs() > 0


def test_adaptation_is_the_training_rule_for_every_episode(gratings: Data, tiny_net: Any) -> None:
    method = MetaBaseline(tiny_net, Config(scale=3.0), gratings).double().eval()
    draw = torch.Generator().manual_seed(0)
    support, query = (torch.randn(3, number, 6, generator=draw, dtype=torch.float64) for number in (12, 5))
    labels = torch.stack([torch.arange(4).repeat_interleave(3)[torch.randperm(12, generator=draw)] for _ in range(3)])
    logits = method.adapt(support, labels, 4)(query)
    expected = [loop(support[i], labels[i], query[i], 3.0) for i in range(3)]
    torch.testing.assert_close(logits, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("values", [{"ways": 1}, {"shots": 0}, {"tasks": 0}, {"scale": 0.0}])
def test_impossible_options_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Config(**values)
