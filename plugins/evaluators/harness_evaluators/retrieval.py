"""Retrieval: at which ranks samples of the query's class are when all others are sorted by similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Split, Trained, UsageError, require_classes
from harness_evaluators import RetrievalConfig

CHUNK = 256  # queries at a time


class Retrieval(Evaluator):
    """Mean average precision of samples of the query's class, by cosine of the features (Manning et al. 2008, section
    8.4). A query that is searched for in its own split is not among the answers."""

    config: RetrievalConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        queries, searched = data.split(self.config.test), data.split(self.config.reference)
        require_classes(queries, self.config.test)
        require_classes(searched, self.config.reference)
        if queries.classes != searched.classes:
            raise UsageError(
                f"the splits '{self.config.reference}' and '{self.config.test}' do not hold the same classes."
            )
        if not answerable(queries, searched).any():
            raise UsageError(
                f"no sample of '{self.config.test}' has another one of its class in '{self.config.reference}': there "
                "is nothing to find."
            )

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        test, reference = self.config.test, self.config.reference
        queries, searched = trained.data.split(test), trained.data.split(reference)
        asked = answerable(queries, searched)
        protocol = "" if asked.all() else f"{int(asked.sum())} of {len(asked)} queries, which have something to find"
        answers, found = F.normalize(trained.features(reference), dim=1), []
        for part in asked.nonzero().squeeze(1).split(CHUNK):
            likeness = F.normalize(trained.features(test)[part], dim=1) @ answers.T
            relevant = queries.labels[part, None] == searched.labels
            if test == reference:
                others = torch.arange(len(searched), device=part.device) != part[:, None]
                likeness, relevant = (each[others].view(len(part), -1) for each in (likeness, relevant))
            found.append(average_precision(likeness, relevant))
        return {"mAP": Metric.mean(torch.cat(found), "query", protocol=protocol, shown="percent")}


def answerable(queries: Split, searched: Split) -> Tensor:
    """(N,): which queries have a sample of their class to find, which is not the query itself."""
    own = 1 if queries is searched else 0
    return torch.bincount(searched.labels, minlength=len(searched.classes))[queries.labels] > own


def average_precision(likeness: Tensor, relevant: Tensor) -> Tensor:
    """(Q,) of Q queries with M answers each, (Q, M): the mean, over the relevant answers, of the precision among all
    answers that are at least as like the query. So answers that are equally like have no order."""
    likeness, order = likeness.sort(1, descending=True)
    relevant = relevant.gather(1, order)
    places = torch.arange(likeness.shape[1], device=likeness.device)
    ends = F.pad(likeness[:, 1:] != likeness[:, :-1], (0, 1), value=True)  # of answers that are equally like
    last = torch.where(ends, places, len(places)).flip(1).cummin(1).values.flip(1)
    precision = relevant.cumsum(1).gather(1, last) / (last + 1)
    return (precision * relevant).sum(1) / relevant.sum(1)
