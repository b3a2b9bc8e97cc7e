"""A linear probe: softmax regression on frozen, cached features."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import LinearConfig
from harness_evaluators.splits import require_same_classes

MOMENTUM = 0.9
HELD_OUT = 10  # one in so many samples of the reference split chooses the rate


class Linear(Evaluator):
    """SGD with momentum and a cosine schedule; the learning rate is chosen without a look at the test split."""

    config: LinearConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        require_same_classes(data, self.config.reference, self.config.test)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        reference, test = trained.data.split(self.config.reference), trained.data.split(self.config.test)
        standardise = standardiser(trained.features(self.config.reference))
        features = standardise(trained.features(self.config.reference))
        weights = probe(features, reference.labels, len(reference.classes), self.config)
        predictions = (standardise(trained.features(self.config.test)) @ weights).argmax(1)
        return {"accuracy": Metric.mean((predictions == test.labels).float(), "image")}


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
def probe(features: Tensor, labels: Tensor, classes: int, config: LinearConfig) -> Tensor:
    """The weights (D, classes) of the candidate rate with the best held-out accuracy, trained again on all of `features`."""
    generator = torch.Generator().manual_seed(config.seed)
    rates = features.new_tensor(config.learning_rates)
    if len(rates) > 1 and len(features) >= HELD_OUT:
        order = torch.randperm(len(features), generator=generator).to(features.device)
        held, kept = order[::HELD_OUT], order[torch.arange(len(order)) % HELD_OUT != 0]
        candidates = fit(features[kept], labels[kept], classes, rates, config, generator)
        hits = ((features[held] @ candidates).argmax(2) == labels[held]).sum(1)
        rates = rates[hits.argmax()][None]
    return fit(features, labels, classes, rates[:1], config, generator)[0]


def fit(
    features: Tensor, labels: Tensor, classes: int, rates: Tensor, config: LinearConfig, generator: torch.Generator
) -> Tensor:
    """Softmax regression by SGD from zero, at every one of `rates` (R,) on the same batches: weights (R, D, classes).

    The gradient of the mean cross-entropy of x W is x^T (softmax(x W) - onehot) / B.
    """
    weights = features.new_zeros(len(rates), features.shape[1], classes)
    velocity = torch.zeros_like(weights)
    steps, step = config.epochs * math.ceil(len(features) / config.batch_size), 0
    for _ in range(config.epochs):
        order = torch.randperm(len(features), generator=generator).to(features.device)
        for index in order.split(config.batch_size):
            batch = features[index]
            errors = (batch @ weights).softmax(2)  # (R, B, classes)
            errors[:, torch.arange(len(index), device=index.device), labels[index]] -= 1
            velocity.mul_(MOMENTUM).add_(batch.T @ errors, alpha=1 / len(index))
            cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
            weights.sub_(velocity * (cosine * rates)[:, None, None])
            step += 1
    return weights
