"""Prototypical networks, through learn2learn."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from learn2learn.nn import PrototypicalClassifier
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch, Episodes, Method, class_means, gather
from harness_protonet import Config


class ProtoNet(Method):
    """A logit is minus the squared distance of a query to the mean feature of a class (Snell et al. 2017, eq. 2)."""

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        tasks = Episodes(config.ways, config.shots, config.queries, divided="classes")
        if isinstance(config, Config):  # CACTUs has classes of its own, which have no category
            tasks = replace(tasks, within=config.within, only=config.only)
        self.batches = tasks

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Cross-entropy of the queries of one episode, and their accuracy."""
        support, labels, query, targets = (part[0] for part in batch)
        # in one forward: batch norm must see support and query as one batch
        features = self.backbone(torch.cat([support, query])).float()
        known, asked = gather(features[: len(support)]), gather(features[len(support) :])
        labels, targets = gather(labels), gather(targets)  # each of several devices has some of the classes
        logits = PrototypicalClassifier(known, labels)(asked)
        return {"loss": F.cross_entropy(logits, targets), "accuracy": (logits.argmax(1) == targets).float().mean()}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): the training distance, for all episodes at once."""
        prototypes = class_means(support, labels, ways)
        return lambda query: -squared_distances(query, prototypes)


def squared_distances(query: Tensor, prototypes: Tensor) -> Tensor:
    """Squared Euclidean distances (..., Q, ways) of queries (..., Q, D) to prototypes (..., ways, D)."""
    exact = "donot_use_mm_for_euclid_dist"  # the quicker way loses far-off features to cancellation
    return torch.cdist(query, prototypes, compute_mode=exact).square()
