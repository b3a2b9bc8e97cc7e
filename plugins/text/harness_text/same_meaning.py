"""Scores pairs with the same meaning: retrieval, alignment, and uniformity of all sentences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from harness_uniformity.evaluator import alignment, uniformity
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Split, Trained, UsageError
from harness_text.configs import PairsConfig
from harness_text.pairs import paired

CHUNK = 256  # queries at a time


class OfPairs(Evaluator):
    """Of the pairs of a split that are scored best, or have no score."""

    config: PairsConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        if len(chosen(data.split(self.config.split), self.config.least)[0]) < 2:
            least = "" if self.config.least is None else f" that are scored {self.config.least:g} or more"
            raise UsageError(f"the split '{self.config.split}' does not have two pairs{least}.")

    def protocol(self, split: Split, pairs: int) -> str:
        return f"{pairs} of {paired(split).rows.shape[1]} pairs, the best scored"


class PairRetrieval(OfPairs):
    """Is a sentence's second one the most alike, by cosine, of the second sentences of all pairs? And the mean of 1
    over its place (Manning et al. 2008). Answers of the same text as the query or its pair are left out."""

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        split, features = (
            trained.data.split(self.config.split),
            F.normalize(trained.features(self.config.split).double(), dim=1),
        )
        first, second = chosen(split, self.config.least)
        text = numbered(split)
        better, equal = [], []
        for asked, own in zip(first.split(CHUNK), second.split(CHUNK), strict=True):
            likeness = features[asked] @ features[second].T
            right = (features[asked] * features[own]).sum(1, keepdim=True)
            others = (text[second] != text[own, None]) & (text[second] != text[asked, None])
            near = (likeness - right).abs() < 1e-12  # sums in another order
            better.append(((likeness > right) & ~near & others).sum(1))
            equal.append((near & others).sum(1))
        ahead, tied = torch.cat(better), torch.cat(equal)
        protocol = self.protocol(split, len(first))
        return {
            "top-1": Metric.mean((ahead == 0) / (1.0 + tied), "pair", protocol=protocol, shown="percent"),
            "MRR": Metric.mean(1 / (1.0 + ahead + tied / 2), "pair", protocol=protocol, shown="percent"),
        }


class PairUniformity(OfPairs):
    """How close the two sentences of a pair are on the sphere, and how evenly all sentences of the split cover it (Wang
    and Isola 2020, arXiv:2005.10242), as Gao et al. 2021 draw it (arXiv:2104.08821). Lower is better."""

    @torch.no_grad()
    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        split = trained.data.split(self.config.split)
        features = F.normalize(trained.features(self.config.split).double(), dim=1)
        first, second = chosen(split, self.config.least)
        close = alignment(features[first], features[second])
        return {
            "alignment": Metric.mean(close, "pair", higher_is_better=False, protocol=self.protocol(split, len(first))),
            "uniformity": Metric.mean(uniformity(features), "sample", higher_is_better=False),
        }


def chosen(split: Split, least: float | None) -> tuple[Tensor, Tensor]:
    """The rows of first and second sentences of the pairs that are scored `least` or more, for None as much as any; and
    of those without a score."""
    first, second = paired(split).rows[:2]
    if "score" not in split.columns or not len(first):
        return first, second
    score = split.column("score")[first]
    least = float(score.nan_to_num(-torch.inf).max()) if least is None else least
    kept = score.isnan() | (score >= least)
    return first[kept], second[kept]


def numbered(split: Split) -> Tensor:
    """int64 (N,): the same number for samples of the same content."""
    if not isinstance(split.samples, Tensor):
        raise UsageError("pairs must be tokenized texts, or tensors in memory.")
    return split.samples.flatten(1).unique(dim=0, return_inverse=True)[1]
