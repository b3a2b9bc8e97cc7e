"""A linear probe: softmax regression on frozen, cached features; held-out samples choose the regularisation."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import LinearConfig
from harness_evaluators.regression import Samples, curvature_inverse, minimise
from harness_evaluators.scores import accuracies
from harness_evaluators.splits import require_same_classes, stratified

FOLDS = 5
FEW = 2000  # samples; of fewer, every fold is held out once; of more, one fold is
TOLERANCE, LIMIT = 1e-3, 100  # what a further step would lower the loss by, in nats; steps of each fit


class Probe(NamedTuple):
    """Weights (D, classes), and the strength that was chosen for them."""

    weights: Tensor
    strength: float


class Linear(Evaluator):
    """L2-regularised softmax regression; the strength is chosen without a look at the test split."""

    config: LinearConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        require_same_classes(data, self.config.reference, self.config.test)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        reference, test = trained.data.split(self.config.reference), trained.data.split(self.config.test)
        standardise = standardiser(trained.features(self.config.reference))
        features = standardise(trained.features(self.config.reference))
        weights, strength = probe(features, reference.labels, len(reference.classes), self.config)
        predictions = (standardise(trained.features(self.config.test)) @ weights).argmax(1)
        at_edge = strength in (min(self.config.strengths), max(self.config.strengths))
        if at_edge and len(self.config.strengths) > 1:
            warnings.warn(f"the linear probe chose the strength {strength:g}, an end of its `strengths`", stacklevel=2)
        fitted = ((features @ weights).argmax(1) == reference.labels).float()
        bound = Metric.mean(
            fitted, "sample", protocol=f"'{self.config.reference}', which it was fitted to", shown="percent"
        )
        return accuracies(predictions, test, bound, {"strength": strength, "at_edge": at_edge})


class standardiser:  # noqa: N801 (used as a function)
    """Maps features (N, D) to zero mean and unit variance over `reference`, with a column of ones: (N, D + 1)."""

    def __init__(self, reference: Tensor) -> None:
        self.mean = reference.mean(0)
        deviation = reference.std(0, correction=0)
        self.deviation = torch.where(deviation > 1e-6 * deviation.max(), deviation, torch.ones_like(deviation))

    def __call__(self, features: Tensor) -> Tensor:
        scaled = (features - self.mean) / self.deviation
        return torch.cat([scaled, scaled.new_ones(len(scaled), 1)], 1)


@torch.no_grad()
def probe(features: Tensor, labels: Tensor, classes: int, config: LinearConfig) -> Probe:
    """The strength that held-out samples choose, trained on all `features` (N, D + 1).

    From the strongest on, each strength starts from the weights of the one before. The path ends early where accuracy
    has fallen by more than two standard errors.
    """
    x, basis = compressed(features)
    held = held_out(labels, config.seed).to(x.device)  # (R, N)
    kept = (~held).to(x.dtype)
    folds = Samples(x, labels, kept / kept.sum(1, keepdim=True).clamp_min(1))
    moments, weights = x.T @ x / len(x), x.new_zeros(len(held), classes, x.shape[1])
    path, tried, best = [], list[float](), 0.0
    for strength in sorted(config.strengths, reverse=True):
        penalty = strength * (features.shape[1] - 1)
        inverse = curvature_inverse(moments, penalty, classes)
        weights = minimise(weights, folds, penalty, inverse, TOLERANCE, LIMIT)
        predictions = (weights.flatten(0, 1) @ x.T).view(len(held), classes, -1).argmax(1)
        tried.append(float((predictions == labels)[held].float().mean()))
        path.append((strength, penalty, weights.mean(0, keepdim=True)))
        best = max(tried)
        if tried[-1] < best - 2 * standard_error(best, int(held.sum())):
            break
    strength, penalty, weights = path[middle(tried, int(held.sum()))]
    everything = Samples(x, labels, x.new_full((1, len(x)), 1 / len(x)))
    inverse = curvature_inverse(moments, penalty, classes)
    weights = minimise(weights, everything, penalty, inverse, TOLERANCE, LIMIT)[0]
    return Probe(
        torch.cat([basis @ weights[:, :-1].T, weights[:, -1:].T]) if basis is not None else weights.T, strength
    )


def compressed(features: Tensor) -> tuple[Tensor, Tensor | None]:
    """Features (N, D + 1) as (N, N + 1) and a basis (D, N), where N < D: the weights lie in the span of the samples."""
    if len(features) >= features.shape[1] - 1:
        return features, None
    basis, coordinates = torch.linalg.qr(features[:, :-1].T)
    return torch.cat([coordinates.T, features[:, -1:]], 1), basis


def held_out(labels: Tensor, seed: int) -> Tensor:
    """(R, N): which samples each of R fits does not see. Folds have all classes in like shares."""
    return stratified(labels, seed, FOLDS) == torch.arange(FOLDS if len(labels) < FEW else 1)[:, None]


def middle(accuracies: list[float], samples: int) -> int:
    """The middle one of the candidates within one standard error of the best, which chance may have made the best."""
    best = max(accuracies)
    alike = [i for i, each in enumerate(accuracies) if each >= best - standard_error(best, samples)]
    return alike[(len(alike) - 1) // 2]


def standard_error(accuracy: float, samples: int) -> float:
    return math.sqrt(accuracy * (1 - accuracy) / samples)
