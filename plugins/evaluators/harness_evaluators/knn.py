"""Weighted k-nearest-neighbour classification of frozen features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import KNNConfig
from harness_evaluators.scores import accuracies
from harness_evaluators.splits import require_same_classes


class KNN(Evaluator):
    """Each test sample takes the class that its nearest neighbours vote for (Wu et al. 2018, section 3.4)."""

    config: KNNConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        require_same_classes(data, self.config.reference, self.config.test)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        reference, test = trained.data.split(self.config.reference), trained.data.split(self.config.test)
        votes = vote(
            trained.features(self.config.test),
            trained.features(self.config.reference),
            reference.labels,
            len(reference.classes),
            self.config.k,
            self.config.temperature,
        )
        return accuracies(votes.argmax(1), test)


def vote(
    queries: Tensor, bank: Tensor, labels: Tensor, classes: int, k: int, temperature: float, chunk: int = 1024
) -> Tensor:
    """Votes (N, classes) of the `k` rows of `bank` (M, D), with `labels` (M,), nearest to each of `queries` (N, D).

    A neighbour of cosine similarity s votes exp(s / temperature), up to a factor per query that changes no order.
    """
    bank = F.normalize(bank, dim=1)
    votes = queries.new_zeros(len(queries), classes)
    for part, out in zip(queries.split(chunk), votes.split(chunk), strict=True):
        similarity, neighbours = (F.normalize(part, dim=1) @ bank.T).topk(min(k, len(bank)), dim=1)
        weights = torch.exp((similarity - similarity[:, :1]) / temperature)  # the nearest weighs 1: no overflow
        out.scatter_add_(1, labels[neighbours], weights)
    return votes
