"""Meta-Baseline: few-shot tasks by the cosine to class means."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch, Episodes, Method, class_means
from harness_metabaseline import Config


class MetaBaseline(Method):
    """A logit is the cosine of a query to the mean feature of a class, times a scale that is learned (Chen et al. 2021,
    eq. 3)."""

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Episodes(config.ways, config.shots, config.queries, config.tasks)
        self.scale = nn.Parameter(torch.tensor(config.scale))

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean cross-entropy of the queries of all tasks, and their accuracy."""
        support, labels, query, targets = batch
        # in one forward: batch norm sees all samples of a step together, as in the paper's code
        inputs = torch.cat([support, query], 1)
        features = self.backbone(inputs.flatten(0, 1)).float().unflatten(0, inputs.shape[:2])
        known, asked = features.split([support.shape[1], query.shape[1]], 1)
        logits, wanted = self.adapt(known, labels, self.config.ways)(asked).flatten(0, 1), targets.flatten()
        accuracy = (logits.argmax(1) == wanted).float().mean()
        return {"loss": F.cross_entropy(logits, wanted), "accuracy": accuracy, "scale": self.scale}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): as in training, for all episodes at once."""
        centroids = F.normalize(class_means(support, labels, ways), dim=-1)
        return lambda query: self.scale * (F.normalize(query, dim=-1) @ centroids.mT)
