"""Scores samples with several labels: logistic regression per label on frozen features, and mean average precision."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Split, Trained, UsageError
from harness_evaluators import MultiLabelConfig
from harness_evaluators.linear import compressed, standardiser
from harness_evaluators.splits import require_held_out

TARGETS = "targets"  # the column of a split with what its samples are: (N, C), 1 for the classes that a sample has
FOLDS = 5  # of which one is held out
LIMIT = 100  # steps of each fit


class MultiLabel(Evaluator):
    """A linear probe for data with the column `targets`. The penalty is chosen on a held-out part of the reference.

    The score is the mean over classes of the average precision (Everingham et al. 2010, PASCAL VOC, section 4.2, over
    all points of the curve); its interval is over samples, by the jackknife. Classes that no test sample has are left
    out.
    """

    config: MultiLabelConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        reference, test = self.config.reference, self.config.test
        if reference == test:
            raise UsageError(
                f"reference and test are both '{test}': the samples that are scored would also be trained on."
            )
        shapes = [targets_of(data.split(name)).shape[1] for name in (reference, test)]
        if shapes[0] != shapes[1]:
            raise UsageError(f"'{reference}' has {shapes[0]} classes in '{TARGETS}', and '{test}' {shapes[1]}.")
        require_held_out(data.split(reference), reference, FOLDS)
        if not targets_of(data.split(test)).any():
            raise UsageError(f"no sample of '{test}' has any of the classes: there is nothing to find.")

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        reference, test = self.config.reference, self.config.test
        standardise = standardiser(trained.features(reference))
        features, asked = (standardise(trained.features(name)) for name in (reference, test))
        weights, strength = self.probe(features, targets_of(trained.data.split(reference)))
        found = precision_of(asked @ weights, targets_of(trained.data.split(test)))
        protocol = f"over {found.classes} of {weights.shape[1]} classes"
        details = {"strength": strength}
        return {
            "mAP": Metric.jackknife(
                found.value, found.left_out, "sample", protocol=protocol, shown="percent", details=details
            )
        }

    def probe(self, features: Tensor, targets: Tensor) -> tuple[Tensor, float]:
        """Weights (D + 1, C) of all `features` (N, D + 1), by the strength that held-out samples choose."""
        x, basis = compressed(features)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.config.seed)).to(x.device)
        held, kept = order[: len(x) // FOLDS], order[len(x) // FOLDS :]
        weights, best = x.new_zeros(x.shape[1], targets.shape[1]), (-1.0, 0.0)
        for strength in sorted(self.config.strengths, reverse=True):
            weights = fit(x[kept], targets[kept], strength * (features.shape[1] - 1), weights)
            best = max(best, (precision_of(x[held] @ weights, targets[held]).value, strength))
        weights = fit(x, targets, best[1] * (features.shape[1] - 1), torch.zeros_like(weights))
        return (torch.cat([basis @ weights[:-1], weights[-1:]]) if basis is not None else weights), best[1]


def targets_of(split: Split) -> Tensor:
    """(N, C) of 0 and 1. Raises UsageError for a split without them."""
    targets = split.column(TARGETS)
    if targets.ndim != 2 or not ((targets == 0) | (targets == 1)).all():
        raise UsageError(f"the column '{TARGETS}' must be (N, classes) of 0 and 1.")
    return targets.float()


def fit(x: Tensor, targets: Tensor, penalty: float, start: Tensor) -> Tensor:
    """Weights (D + 1, C) that minimise the mean over samples of the classes' binary cross-entropies + penalty / 2 *
    |W|², without the intercepts, the last row."""
    weights = start.clone().requires_grad_()
    search = torch.optim.LBFGS([weights], max_iter=LIMIT, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        errors = F.binary_cross_entropy_with_logits(x @ weights, targets, reduction="none").sum(1).mean()
        total = errors + 0.5 * penalty * weights[:-1].square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        search.step(loss)
    return weights.detach()


class Precision(NamedTuple):
    """Mean average precision; the same without each sample in turn, (N,); over how many classes."""

    value: float
    left_out: Tensor
    classes: int


def precision_of(scores: Tensor, targets: Tensor) -> Precision:
    """Of scores (N, C) for targets (N, C). A class without a positive sample does not count."""
    used = targets.sum(0) > 0
    if not used.any():
        return Precision(0.0, scores.new_zeros(len(scores)), 0)
    each = [average_precision(scores[:, c], targets[:, c]) for c in used.nonzero().squeeze(1)]
    value = torch.stack([whole for whole, _ in each]).mean()
    return Precision(float(value), torch.stack([without for _, without in each]).nanmean(0), len(each))


def average_precision(scores: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over the relevant samples of the precision among all that score at least as high; and the same without
    each sample in turn, (N,), nan where no relevant one is left.

    Samples of one score have no order: with p of them relevant, and P of n relevant down to the last of them, they
    add p P / n. Without a sample before or among them, P and n are less by what it is.
    """
    _, group = (-scores).unique(return_inverse=True)
    relevant = relevant.double()
    groups = int(group.max()) + 1
    own = relevant.new_zeros(groups).index_add(0, group, relevant)
    ends = own.cumsum(0), relevant.new_zeros(groups).index_add(0, group, torch.ones_like(relevant)).cumsum(0)
    total = own.sum()
    parts = own * ends[0] / ends[1]
    before = (parts.cumsum(0) - parts)[group]
    fewer = (ends[1] - 1).clamp_min(1)
    after = [own * (ends[0] - y) / fewer for y in (0, 1)]  # of the groups behind a sample that is not, or is, relevant
    behind = torch.stack([(each.sum() - each.cumsum(0))[group] for each in after])
    kept = own[group] - relevant
    among = kept * (ends[0][group] - relevant) / fewer[group]
    rest = before + among + torch.where(relevant > 0, behind[1], behind[0])
    return parts.sum() / total, rest / (total - relevant)
