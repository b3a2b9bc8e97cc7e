"""The common base of methods that learn features by classifying the queries of few-shot tasks."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, EpisodeBatch, Episodes, Method
from harness_fewshot import EpisodesConfig


class Episodic(Method):
    """Learns by the classifiers that its own `adapt` makes of support features; a subclass implements that alone."""

    distributed: ClassVar[bool] = True
    config: EpisodesConfig

    def __init__(self, backbone: nn.Module, config: EpisodesConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Episodes(config.ways, config.shots, config.queries, config.tasks)

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """The criterion of the queries of all tasks, and their accuracy. Support and query samples pass the backbone as
        one batch, so that batch norm sees all of a step."""
        inputs = torch.cat([batch.support, batch.query], 1)
        features = self.backbone(inputs.flatten(0, 1)).float().unflatten(0, inputs.shape[:2])
        support, query = features.split([batch.support.shape[1], batch.query.shape[1]], 1)
        logits = self.adapt(support, batch.support_labels, self.config.ways)(query).float().flatten(0, 1)
        targets = batch.query_labels.flatten()
        accuracy = (logits.argmax(1) == targets).float().mean()
        return {"loss": self.criterion(logits, targets), "accuracy": accuracy}

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (N, ways) and classes (N,) -> scalar."""
        return F.cross_entropy(logits, targets)
