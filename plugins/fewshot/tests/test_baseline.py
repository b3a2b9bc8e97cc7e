"""Baseline and Baseline++: classifiers of training, and the heads that tasks are learned by."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_fewshot import BaselineConfig, BaselinePPConfig
from harness_fewshot.baseline import Baseline, BaselinePP
from torch import nn

from harness import Data, LabelledBatch
from harness.learning.data.batches import Source

MAKES = [(Baseline, BaselineConfig(head_steps=7)), (BaselinePP, BaselinePPConfig(head_steps=7))]


def head_logits(rows: torch.Tensor, head: nn.Linear, cosine: bool) -> torch.Tensor:
    if not cosine:
        return head(rows)
    scaled = [[10 * torch.dot(a, b) / (a.norm() * b.norm()) for b in head.weight] for a in rows]
    return torch.stack([torch.stack(row) for row in scaled])


@pytest.mark.parametrize(("kind", "config"), MAKES)
def test_each_episode_is_learned_by_its_own_head(kind: Any, config: Any, gratings: Data, tiny_net: nn.Module) -> None:
    """A plain loop: a layer for each episode, trained by torch's SGD as in the authors' code, on the whole set."""
    method = kind(tiny_net, config, gratings).double().eval()
    draw = torch.Generator().manual_seed(3)
    support, query = (torch.randn(2, number, 5, generator=draw, dtype=torch.float64) for number in (6, 4))
    labels = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 1, 0, 0]])
    with torch.no_grad():
        logits = method.adapt(support, labels, 3)(query)
    first = torch.empty(3, 5).uniform_(-(5**-0.5), 5**-0.5, generator=torch.Generator().manual_seed(0))
    for episode in range(2):
        head = nn.Linear(5, 3).double()
        head.weight.data, head.bias.data = first.double(), torch.zeros(3, dtype=torch.float64)
        descent = torch.optim.SGD(head.parameters(), lr=config.head_lr, momentum=0.9, weight_decay=0.001)
        for _ in range(7):
            found = head_logits(support[episode], head, method.cosine)
            loss = nn.functional.cross_entropy(found, labels[episode])
            descent.zero_grad()
            loss.backward()
            descent.step()
        expected = head_logits(query[episode], head, method.cosine).detach()
        torch.testing.assert_close(logits[episode], expected, atol=1e-6, rtol=1e-5)


def test_baseline_pp_trains_on_scaled_cosines(gratings: Data, tiny_net: nn.Module) -> None:
    method = BaselinePP(tiny_net, BaselinePPConfig(scale=5.0), gratings).double().train()
    batch: LabelledBatch = method.batches.draw(Source(gratings, 8, 0), 0)  # type: ignore[union-attr]
    batch = batch._replace(inputs=batch.inputs.double())
    losses = []
    for row, label in zip(tiny_net(batch.inputs).tolist(), batch.labels.tolist(), strict=True):
        logits = [
            5 * sum(a * b for a, b in zip(row, weight, strict=True)) / (math.hypot(*row) * math.hypot(*weight))
            for weight in method.classifier.weight.tolist()
        ]
        losses.append(math.log(sum(map(math.exp, logits))) - logits[label])
    assert method.loss(batch)["loss"].item() == pytest.approx(sum(losses) / 8, abs=1e-6)


@pytest.mark.parametrize("values", [{"head_steps": 0}, {"head_lr": 0.0}, {"scale": 0.0}])
def test_impossible_options_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        BaselinePPConfig(**values)
