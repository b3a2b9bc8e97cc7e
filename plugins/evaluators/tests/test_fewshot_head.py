"""Heads that are trained for each episode, against torch's own layer and optimizer, an episode at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_evaluators import HeadConfig
from harness_evaluators.fewshot_head import SCALE, logits, trained
from torch import Tensor, nn

from harness.testing import check_evaluator


def plainly(support: Tensor, labels: Tensor, query: Tensor, config: HeadConfig) -> Tensor:
    """One episode: support (S, D), labels (S,), query (Q, D) -> (Q, ways)."""
    layer = nn.Linear(support.shape[1], config.ways).double()
    bound = support.shape[1] ** -0.5
    with torch.no_grad():
        first = torch.empty(layer.weight.shape).uniform_(-bound, bound, generator=torch.Generator().manual_seed(0))
        layer.weight.copy_(first)
        layer.bias.zero_()
    optimizer = torch.optim.SGD(layer.parameters(), lr=config.lr, momentum=0.9, weight_decay=0.001)

    def scores(features: Tensor) -> Tensor:
        if config.head == "linear":
            return layer(features)
        rows = [SCALE * F.cosine_similarity(features, each[None], dim=1) for each in layer.weight]
        return torch.stack(rows, 1)

    for _ in range(config.steps):
        optimizer.zero_grad()
        F.cross_entropy(scores(support), labels).backward()
        optimizer.step()
    return scores(query).detach()


@pytest.mark.parametrize("head", ["cosine", "linear"])
def test_the_heads_of_many_episodes_are_those_of_each_alone(head: Any) -> None:
    config = HeadConfig(ways=3, shots=2, steps=12, lr=0.3, head=head)
    generator = torch.Generator().manual_seed(1)
    support, query = (torch.randn(4, n, 7, generator=generator, dtype=torch.float64) for n in (6, 5))
    labels = torch.stack([torch.randperm(6, generator=generator) % 3 for _ in range(4)])
    found = logits(query, *trained(support, labels, config, cosine=head == "cosine"), cosine=head == "cosine")
    for episode in range(4):
        expected = plainly(support[episode], labels[episode], query[episode], config)
        torch.testing.assert_close(found[episode], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("head", ["cosine", "linear"])
def test_it_conforms(head: str) -> None:
    check_evaluator("fewshot_head", head=head, ways=3, shots=5, queries=5, episodes=60)
