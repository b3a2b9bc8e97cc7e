"""Logistic regression as in the literature on transfer (Kornblith et al. 2019, arXiv:1805.08974; Grill et al. 2020,
arXiv:2006.07733)."""

from __future__ import annotations

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import LogisticConfig
from harness_evaluators.linear import compressed
from harness_evaluators.regression import Samples, curvature_inverse, minimise
from harness_evaluators.scores import accuracies
from harness_evaluators.splits import require_held_out, require_same_classes, stratified

PENALTIES = tuple(10.0**exponent for exponent in torch.linspace(-6, 5, 45, dtype=torch.float64).tolist())
FOLDS = 5  # of which one is held out
TOLERANCE, LIMIT = 1e-5, 200  # what a further step would lower the loss by, in nats; steps of each fit


class Logistic(Evaluator):
    """Multinomial logistic regression by L-BFGS on features as they are; of 45 L2 penalties, a held-out part of the
    reference split chooses, and the chosen one is fitted to all of it."""

    config: LogisticConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        require_same_classes(data, self.config.reference, self.config.test)
        require_held_out(data.split(self.config.reference), self.config.reference, FOLDS)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        reference, test = trained.data.split(self.config.reference), trained.data.split(self.config.test)
        known, asked = trained.features(self.config.reference), trained.features(self.config.test)
        centre = known.mean(0)  # the intercept is not penalised: the same regression, in better numbers
        known, asked = with_ones(known - centre), with_ones(asked - centre)
        held = stratified(reference.labels, self.config.seed, FOLDS) == 0
        weights, penalty = regression(known, reference.labels, len(reference.classes), held)
        fitted = ((known @ weights).argmax(1) == reference.labels).float()
        protocol = f"'{self.config.reference}', which it was fitted to"
        bound = Metric.mean(fitted, "sample", protocol=protocol, shown="percent")
        return accuracies((asked @ weights).argmax(1), test, bound, {"penalty": penalty})


def with_ones(features: Tensor) -> Tensor:
    """(N, D) -> (N, D + 1)"""
    return torch.cat([features, features.new_ones(len(features), 1)], 1)


@torch.no_grad()
def regression(features: Tensor, labels: Tensor, classes: int, held: Tensor) -> tuple[Tensor, float]:
    """Weights (D + 1, classes) for all `features` (N, D + 1), which are centred and have a column of ones, and the
    penalty that the samples `held` (N,) chose; of several with the best accuracy, the strongest. Each fit starts from
    the one before.

    The loss is the mean cross-entropy + penalty / 2 * |W|^2, without the intercept.
    """
    x, basis = compressed(features)
    kept = ~held.to(x.device)
    start, moments = x.new_zeros(1, classes, x.shape[1]), x.T @ x / len(x)
    some, every = (Samples(x, labels, (part / part.sum())[None].to(x.dtype)) for part in (kept, torch.ones_like(kept)))
    best, chosen, penalty, weights = -1.0, start, PENALTIES[-1], start
    for each in reversed(PENALTIES):
        weights = minimise(weights, some, each, curvature(moments, each, classes), TOLERANCE, LIMIT)
        accuracy = float(((x @ weights[0].T).argmax(1) == labels)[~kept].float().mean())
        if accuracy > best:
            best, chosen, penalty = accuracy, weights, each
    weights = minimise(chosen, every, penalty, curvature(moments, penalty, classes), TOLERANCE, LIMIT)[0]
    return torch.cat([basis @ weights[:, :-1].T, weights[:, -1:].T]) if basis is not None else weights.T, penalty


def curvature(moments: Tensor, penalty: float, classes: int) -> Tensor:
    """`curvature_inverse` for centred features, with the intercept free, which a strong penalty would hold at zero."""
    inverse = curvature_inverse(moments, penalty, classes)
    inverse[-1, -1] = classes
    return inverse
