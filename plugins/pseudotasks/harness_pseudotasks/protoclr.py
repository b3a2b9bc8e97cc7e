"""ProtoCLR: prototypical networks whose classes are images."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from harness_protonet.method import squared_distances
from torch import Tensor, nn

from harness import Classifier, Data, Method, Views, class_means, gather
from harness_pseudotasks import ProtoCLRConfig


class ProtoCLR(Method):
    """Each image of a batch is a class: the image itself is its one support sample and so its prototype, augmented
    views of it are its queries (Medina et al. 2020, arXiv:2006.11325, algorithm 1)."""

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: ProtoCLRConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(1 + config.queries, config.augment, plain=1)

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (1 + queries, N, C, H, W). Images and views pass as one batch, so that they share batch-norm
        statistics. On several devices each rank compares all queries with all prototypes."""
        features = self.backbone(views.flatten(0, 1)).float().unflatten(0, views.shape[:2])
        prototypes, *queries = gather(features, 1)
        targets = torch.arange(len(prototypes), device=features.device).repeat(len(queries))
        logits = -squared_distances(torch.cat(queries), prototypes)
        return {"loss": F.cross_entropy(logits, targets), "accuracy": (logits.argmax(1) == targets).float().mean()}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): the training distance to the mean of each class."""
        prototypes = class_means(support, labels, ways)
        return lambda query: -squared_distances(query, prototypes)
