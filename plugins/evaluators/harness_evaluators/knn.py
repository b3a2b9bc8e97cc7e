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
        config = self.config
        reference, test = trained.data.split(config.reference), trained.data.split(config.test)
        bank, labels, classes = trained.features(config.reference), reference.labels, len(reference.classes)
        votes = vote(trained.features(config.test), bank, labels, classes, config.k, config.temperature)
        some = torch.randperm(len(bank), generator=torch.Generator().manual_seed(0))[: len(test)].to(bank.device)
        own = vote(bank[some], bank, labels, classes, config.k, config.temperature, among=some)
        known = Metric.mean(
            (own.argmax(1) == labels[some]).float(), "image", protocol=f"'{config.reference}', left out"
        )
        return accuracies(votes.argmax(1), test, known)


def vote(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    classes: int,
    k: int,
    temperature: float,
    chunk: int = 1024,
    among: Tensor | None = None,
) -> Tensor:
    """Votes (N, classes) of the `k` rows of `bank` (M, D), with `labels` (M,), nearest to each of `queries` (N, D).

    A neighbour of cosine similarity s votes exp(s / temperature), up to a factor per query that changes no order.
    among: where the queries are rows of the bank, which (N,); a row is not its own neighbour.
    """
    bank = F.normalize(bank, dim=1)
    votes = queries.new_zeros(len(queries), classes)
    places = (None,) * len(queries.split(chunk)) if among is None else among.split(chunk)
    for part, out, place in zip(queries.split(chunk), votes.split(chunk), places, strict=True):
        similarities = F.normalize(part, dim=1) @ bank.T
        if place is not None:
            similarities.scatter_(1, place[:, None], -torch.inf)
        similarity, neighbours = similarities.topk(min(k, len(bank) - (place is not None)), dim=1)
        weights = torch.exp((similarity - similarity[:, :1]) / temperature)  # the nearest weighs 1: no overflow
        out.scatter_add_(1, labels[neighbours], weights)
    return votes
