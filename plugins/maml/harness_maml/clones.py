"""Inner loops by learn2learn: each task has a clone of learn2learn's algorithm, a network that can `adapt`.
learn2learn has no types, so a clone is Any.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import EpisodeBatch
from harness_maml.norm import channels_last, use_task_statistics


class Learner:
    """A clone that learns one task, `support` (S, C, H, W) with `labels` (S,)."""

    def __init__(self, clone: Any, support: Tensor, labels: Tensor, ways: int, *, transductive: bool) -> None:
        self.clone = clone
        self.transductive = transductive
        use_task_statistics(self.clone, None if transductive else len(support))
        self.support, self.labels, self.ways = channels_last(support), labels, ways

    def adapt(self, steps: int) -> None:
        for _ in range(steps):
            self.clone.adapt(F.cross_entropy(self.clone(self.support)[:, : self.ways], self.labels))

    def classify(self, query: Tensor) -> Tensor:
        """Logits (Q, ways). Inductive: the queries follow the support set, whose statistics normalise both."""
        query = channels_last(query)
        if self.transductive:
            return self.clone(query)[:, : self.ways]
        return self.clone(torch.cat([self.support, query]))[len(self.support) :, : self.ways]


def meta_loss(
    clone: Callable[[], Any], ways: int, batch: EpisodeBatch, steps: int, *, transductive: bool
) -> dict[str, Tensor]:
    """Mean loss and accuracy of the queries over the tasks of a batch, each learned by a clone of its own."""
    losses, accuracies = [], []
    for support, labels, query, targets in zip(*batch, strict=True):
        learner = Learner(clone(), support, labels, ways, transductive=transductive)
        learner.adapt(steps)
        logits = learner.classify(query)
        losses.append(F.cross_entropy(logits, targets))
        accuracies.append((logits.argmax(1) == targets).float().mean())
    return {"loss": torch.stack(losses).mean(), "accuracy": torch.stack(accuracies).mean()}
