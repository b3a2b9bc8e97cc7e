"""Semantic textual similarity: the rank correlation of cosines with the judgements of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Split, Trained, UsageError
from harness_text.configs import SimilarityConfig

TRAIN = "train"  # what was trained on is no task
NAMES = {"mean": "mean over subsets", "wmean": "mean over subsets by their sizes"}
Part = tuple[float, Tensor]  # the weight of a correlation in a mean, and its values per pair


class STS(Evaluator):
    """Spearman's correlation of the cosine of two sentences' features with the score of the pair, without a regressor
    (Gao et al. 2021, arXiv:2104.08821): a metric per task, by the name of its split, and their mean."""

    config: SimilarityConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        for name in self.tasks(data):
            for number, part in self.parts(data.split(name)).items():
                which = f"the split '{name}'" + ("" if number is None else f", subset {number},")
                gold = data.split(name).column("score")[part]
                if len(gold) < 2 or bool((gold == gold[0]).all()):
                    raise UsageError(f"{which} has no two pairs with different scores: there is no order to find.")

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        tasks = {name: self.of_task(name, trained) for name in self.tasks(trained.data)}
        protocol = NAMES.get(self.config.aggregation, "")
        mean = combined([(1 / len(tasks), units) for units in tasks.values()])
        return {
            name: Metric.mean(units, "pair", protocol=protocol, shown="percent")
            for name, units in {**tasks, "spearman": mean}.items()
        }

    def tasks(self, data: Data) -> Sequence[str]:
        """Raises UsageError for a split without scored pairs, or if there is none at all."""
        chosen = self.config.splits or [name for name in data.splits if name != TRAIN and len(scored(data.split(name)))]
        if not chosen:
            raise UsageError("no split but 'train' has scored pairs (columns 'pair' and 'score').")
        for name in chosen:
            if not len(scored(data.split(name))):
                raise UsageError(f"the split '{name}' has no scored pairs (columns 'pair' and 'score').")
        return chosen

    def parts(self, split: Split) -> Mapping[int | None, Tensor]:
        """The rows of the pairs of each correlation: of the whole split, or of a subset, by its number."""
        rows = scored(split)
        if self.config.aggregation == "all":
            return {None: rows}
        subset = split.column("subset")[rows]
        return {int(number): rows[subset == number] for number in subset.unique()}

    def of_task(self, name: str, trained: Trained) -> Tensor:
        """A value per pair, whose mean is the task's number."""
        split, features = trained.data.split(name), F.normalize(trained.features(name).double(), dim=1)
        parts = list(self.parts(split).values())
        total = sum(map(len, parts))
        found = []
        for rows in parts:
            cosine = (features[rows] * features[split.column("pair")[rows]]).sum(1)
            weight = len(rows) / total if self.config.aggregation == "wmean" else 1 / len(parts)
            found.append((weight, spearman_units(split.column("score")[rows].double(), cosine)))
        return combined(found)


def scored(split: Split) -> Tensor:
    """The rows of the first sentences of pairs that have a score."""
    if not {"pair", "score"} <= split.columns.keys():
        return torch.empty(0, dtype=torch.int64)
    return ((split.column("pair") >= 0) & ~split.column("score").isnan()).nonzero()[:, 0]


def spearman_units(one: Tensor, other: Tensor) -> Tensor:
    """A value per pair (N,) whose mean is Spearman's rho of `one` and `other`.

    They are what each pair adds to first order: the influence function of a correlation (Devlin, Gnanadesikan and
    Kettenring 1975) on standardised ranks z and w, rho + z w - rho (z² + w²) / 2. The products z w alone have the same
    mean, but twice the deviation. Where all of one side is tied, rho is 0: nothing is put in order.
    """
    z, w = (standardised(average_ranks(each)) for each in (one, other))
    rho = (z * w).mean()
    return rho + z * w - rho * (z.square() + w.square()) / 2


def combined(parts: Sequence[Part]) -> Tensor:
    """A value per pair of all parts, in their order, whose mean is the weighted sum of the parts' means, and whose
    deviation is that of this sum, each part by itself: that parts differ is no uncertainty."""
    total = sum(len(units) for _, units in parts)
    value = sum(weight * units.mean() for weight, units in parts)
    return torch.cat([value + weight * total / len(units) * (units - units.mean()) for weight, units in parts])


def average_ranks(values: Tensor) -> Tensor:
    """Ranks from 1; equal values share the mean of their places."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0).double() - (counts.double() - 1) / 2)[place]


def standardised(values: Tensor) -> Tensor:
    """Of mean 0 and variance 1; zeros if all are the same."""
    deviation = values.std(correction=0)
    return (values - values.mean()) / deviation if deviation > 0 else torch.zeros_like(values)
