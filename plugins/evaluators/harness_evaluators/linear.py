"""A linear probe: softmax regression on frozen, cached features."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import LinearConfig
from harness_evaluators.scores import accuracies
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
        return accuracies(predictions, test)


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
    """Weights (D, classes): the rate with the best accuracy on held-out `features` is trained again on all of them."""
    generator = torch.Generator().manual_seed(config.seed)
    rates = features.new_tensor(config.learning_rates)
    if len(rates) > 1 and len(features) >= HELD_OUT:
        order = torch.randperm(len(features), generator=generator).to(features.device)
        held, kept = order[::HELD_OUT], order[torch.arange(len(order)) % HELD_OUT != 0]
        candidates = fit(features[kept], labels[kept], classes, rates, config, generator)
        hits = [((features[held] @ candidate).argmax(1) == labels[held]).sum() for candidate in candidates]
        rates = rates[torch.stack(hits).argmax()][None]
    return fit(features, labels, classes, rates[:1], config, generator)[0]


def fit(
    features: Tensor, labels: Tensor, classes: int, rates: Tensor, config: LinearConfig, generator: torch.Generator
) -> Tensor:
    """Softmax regression by SGD from zero, at every one of `rates` (R,) on the same batches: weights (R, D, classes).

    The gradient of the mean cross-entropy of x W is x^T (softmax(x W) - onehot) / B.
    """
    # the candidates lie side by side, (D, R * classes), so that a step is two large matrix products
    weights = features.new_zeros(features.shape[1], len(rates) * classes)
    each_rate = rates.repeat_interleave(classes)
    velocity = torch.zeros_like(weights)
    steps, step = config.epochs * math.ceil(len(features) / config.batch_size), 0
    for _ in range(config.epochs):
        order = torch.randperm(len(features), generator=generator).to(features.device)
        for index in order.split(config.batch_size):
            batch = features[index]
            errors = (batch @ weights).unflatten(1, (len(rates), classes)).softmax(2)  # (B, R, classes)
            errors[torch.arange(len(index), device=index.device), :, labels[index]] -= 1
            velocity.mul_(MOMENTUM).addmm_(batch.T, errors.flatten(1), alpha=1 / len(index))
            cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
            weights.addcmul_(velocity, each_rate, value=-cosine)
            step += 1
    return weights.unflatten(1, (len(rates), classes)).transpose(0, 1)
