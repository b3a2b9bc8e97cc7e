"""MTL against plain loops and scikit-learn in float64; that it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from harness_domains import MTLConfig
from harness_domains.mtl import MTL, ridge, tasks_of_classes
from sklearn.linear_model import Ridge

from harness import Data, LabelledBatch, Split, UsageError

UNEVEN = {"domain": ("odd", "few")}


@pytest.fixture(scope="module")
def domains(gratings: Data) -> Data:
    """The gratings as two domains: the classes 1 and 4, fewer of their samples, and the other four."""
    split = gratings.train
    kept = torch.arange(len(split))[(split.labels % 3 != 1) | (torch.arange(len(split)) % 4 == 0)]
    labels = split.labels[kept]
    domain = (labels % 3 == 1).long()
    train = Split(split.samples[kept], labels, split.classes, {"domain": domain}, UNEVEN)  # type: ignore[index]
    return replace(gratings, splits={**gratings.splits, "train": train})


def test_the_loss_is_the_mean_over_domains_of_a_softmax_within_each(domains: Data, tiny_net: Any) -> None:
    """Over the whole split; one batch of it is an unbiased estimate."""
    method = MTL(tiny_net, MTLConfig(), domains).double().eval()
    split = domains.train
    inputs = domains.inputs(split.samples).double()  # type: ignore[arg-type]
    with torch.no_grad():
        logits = method.classifier(method.backbone(inputs)).tolist()
    losses: dict[bool, list[float]] = {True: [], False: []}
    for row, label in zip(logits, split.labels.tolist(), strict=True):
        few = label % 3 == 1
        own = [math.exp(value) for number, value in enumerate(row) if (number % 3 == 1) == few]
        losses[few].append(-math.log(math.exp(row[label]) / sum(own)))
    expected = sum(sum(part) / len(part) for part in losses.values()) / 2
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        found = method.loss(LabelledBatch(inputs, split.labels))
    assert found["loss"].item() == pytest.approx(expected, rel=1e-6)
    pooled = sum(sum(part) for part in losses.values()) / len(split)
    assert abs(pooled - expected) > 1e-3  # another objective


def test_without_a_column_it_is_cross_entropy_over_all_classes(gratings: Data, tiny_net: Any) -> None:
    method = MTL(tiny_net, MTLConfig(within=None), gratings).eval()
    inputs, labels = gratings.inputs(gratings.train.samples[:20]), gratings.train.labels[:20]  # type: ignore[index]
    with torch.no_grad():
        found = method.loss(LabelledBatch(inputs, labels))["loss"]
        expected = torch.nn.functional.cross_entropy(method.classifier(method.backbone(inputs)), labels)
    torch.testing.assert_close(found, expected)


def test_ridge_is_that_of_scikit_learn_for_each_episode() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 6, 9, generator=generator, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[torch.tensor([[0, 0, 1, 1, 2, 2]] * 3)]
    found = ridge(inputs, targets, 0.7)
    for x, y, weights in zip(inputs, targets, found, strict=True):
        expected = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(x.numpy(), y.numpy()).coef_.T
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-8)


def test_an_episode_is_learned_on_features_of_length_one_with_a_bias(gratings: Data, tiny_net: Any) -> None:
    method = MTL(tiny_net, MTLConfig(within=None, ridge=0.5), gratings)
    generator = torch.Generator().manual_seed(0)
    support, query = 5 * torch.randn(1, 6, 4, generator=generator), torch.randn(1, 3, 4, generator=generator)
    labels = torch.tensor([[0, 1, 2, 2, 1, 0]])
    rows = [np.append(row / np.linalg.norm(row), 1) for row in support[0].double().numpy()]
    asked = [np.append(row / np.linalg.norm(row), 1) for row in query[0].double().numpy()]
    model = Ridge(alpha=0.5, fit_intercept=False).fit(rows, np.eye(3)[labels[0].numpy()])
    np.testing.assert_allclose(method.adapt(support, labels, 3)(query)[0].numpy(), model.predict(asked), atol=1e-5)


def test_centroids_are_the_default_of_all_methods(gratings: Data, tiny_net: Any) -> None:
    method = MTL(tiny_net, MTLConfig(within=None, adaptation="centroids"), gratings)
    support, labels = torch.eye(3)[None], torch.tensor([[2, 0, 1]])
    assert method.adapt(support, labels, 3)(support)[0].argmax(-1).tolist() == [2, 0, 1]


def test_a_class_of_two_domains_is_refused() -> None:
    domain = {"domain": torch.tensor([0, 1, 1])}
    split = Split(torch.zeros(3, 1), torch.tensor([0, 0, 1]), ("a", "b"), domain, UNEVEN)
    with pytest.raises(UsageError, match="the class 'a' is of the domain 'few' and of another one"):
        tasks_of_classes(split, "domain")


def test_it_learns(domains: Data, tiny_net: Any, gain: Any) -> None:
    gained, losses = gain(MTL(tiny_net, MTLConfig(), domains), domains, steps=60, lr=0.03)
    assert gained > 0.15
    assert losses[-1] < losses[0]
