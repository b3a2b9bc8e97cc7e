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
        return accuracies(votes.argmax(1), test, self._bound(bank, labels, classes, len(test)))

    def _bound(self, bank: Tensor, labels: Tensor, classes: int, number: int) -> Metric | None:
        """The accuracy on so many samples of the reference split; of classes with one sample nothing would be left."""
        config, fold = self.config, place_in_class(labels)
        order = torch.randperm(len(bank), generator=torch.Generator().manual_seed(0)).to(bank.device)
        some = order[torch.bincount(labels)[labels[order]] > 1][:number]
        if not len(some):
            return None
        votes = vote(bank[some], bank, labels, classes, config.k, config.temperature, hidden=(fold[some], fold))
        hits = (votes.argmax(1) == labels[some]).float()
        return Metric.mean(hits, "sample", protocol=f"'{config.reference}', left out", shown="percent")


def vote(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    classes: int,
    k: int,
    temperature: float,
    chunk: int = 1024,
    hidden: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Votes (N, classes) of the `k` rows of `bank` (M, D), with `labels` (M,), nearest to each of `queries` (N, D).

    A neighbour of cosine similarity s votes exp(s / temperature), up to a factor per query that changes no order.
    hidden: folds of the queries (N,) and of the bank (M,); a query does not see its own fold.
    """
    bank = F.normalize(bank, dim=1)
    votes = queries.new_zeros(len(queries), classes)
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        similarities = F.normalize(queries[part], dim=1) @ bank.T
        if hidden is not None:
            similarities.masked_fill_(hidden[0][part, None] == hidden[1], -torch.inf)
        similarity, neighbours = similarities.topk(min(k, len(bank)), dim=1)
        weights = torch.exp((similarity - similarity[:, :1]) / temperature)  # the nearest weighs 1: no overflow
        votes[part].scatter_add_(1, labels[neighbours], weights)
    return votes


def place_in_class(labels: Tensor) -> Tensor:
    """(M,): how many samples of its class come before each. As folds, they take one sample of every class away: leaving
    out a sample alone would leave fewer of its own class than of the others, and score too low."""
    order = labels.argsort(stable=True)
    sizes = torch.bincount(labels)
    places = torch.empty_like(labels)
    places[order] = torch.arange(len(labels), device=labels.device) - (sizes.cumsum(0) - sizes)[labels[order]]
    return places
