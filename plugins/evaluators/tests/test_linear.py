"""`linear` against scikit-learn: its loss, its fits, and how it chooses the strength."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from harness_evaluators import LinearConfig
from harness_evaluators.linear import Linear, Probe, held_out, middle, probe, standardiser
from harness_evaluators.regression import Samples, curvature_inverse, loss_and_gradient, minimise
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from harness import Split

from .blobs import blobs, features, trained


def problem(number: int, dims: int, classes: int, noise: float = 1.5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Standardised features and labels to learn from, and others to test on."""
    truth = features(dims, classes, 0) / dims**0.5
    x, x_test = features(number, dims, 1), features(2000, dims, 2)
    y, y_test = (
        (each @ truth + noise * features(len(each), classes, 3 + i)).argmax(1) for i, each in enumerate((x, x_test))
    )
    scale = standardiser(x)
    return scale(x), y, scale(x_test), y_test


def exact(x: Tensor, y: Tensor, classes: int, penalty: float) -> Tensor:
    """Weights (D, classes) of one fit of all samples, in float64 and to the end."""
    samples = Samples(x.double(), y, torch.full((1, len(x)), 1 / len(x), dtype=torch.float64))
    inverse = curvature_inverse(samples.x.T @ samples.x / len(x), penalty, classes)
    start = samples.x.new_zeros(1, classes, x.shape[1])
    return minimise(start, samples, penalty, inverse, tolerance=1e-12, limit=1000)[0].T


def test_linear_loss_and_gradient_are_those_of_cross_entropy_and_a_penalty() -> None:
    x, y = standardiser(features(12, 3, 0))(features(12, 3, 0)).double(), torch.arange(12) % 4
    share = torch.rand(2, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = torch.stack([features(4, 4, 2), features(4, 4, 3)]).double()
    loss, gradient = loss_and_gradient(weights, Samples(x, y, share), 0.7)
    for fit in range(2):
        each = nn.functional.cross_entropy(x @ weights[fit].T, y, reduction="none")
        expected = (share[fit] * each).sum() + 0.35 * weights[fit, :, :-1].square().sum()
        torch.testing.assert_close(loss[fit], expected)
    for at in np.ndindex(*weights.shape):
        step = torch.zeros_like(weights)
        step[at] = 1e-5
        up, down = (loss_and_gradient(weights + sign * step, Samples(x, y, share), 0.7)[0] for sign in (1, -1))
        assert float((up - down)[at[0]]) / 2e-5 == pytest.approx(float(gradient[at]), abs=1e-8)


@pytest.mark.parametrize(("dims", "penalty"), [(8, 1e-3), (8, 1.0), (150, 0.03)])
def test_linear_weights_are_those_of_logistic_regression(dims: int, penalty: float) -> None:
    x, y, _, _ = problem(120, dims, 4)
    theirs = LogisticRegression(C=1 / (len(x) * penalty), tol=1e-10, max_iter=10_000).fit(x[:, :-1].double(), y)
    ours = exact(x, y, 4, penalty)
    np.testing.assert_allclose(ours[:-1].T, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours[-1] - ours[-1].mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-4)


def test_linear_fits_do_not_disturb_each_other() -> None:
    """Several at once, with samples left out, give what each gives alone on the samples that are left."""
    x, y, _, _ = problem(100, 5, 3)
    held = held_out(y, 0)
    kept = (~held).double()
    samples = Samples(x.double(), y, kept / kept.sum(1, keepdim=True))
    inverse = curvature_inverse(samples.x.T @ samples.x / len(x), 0.01, 3)
    together = minimise(samples.x.new_zeros(len(held), 3, 6), samples, 0.01, inverse, tolerance=1e-12, limit=1000)
    for fit, left in zip(together, held, strict=True):
        torch.testing.assert_close(fit.T, exact(x[~left], y[~left], 3, 0.01), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("number", "dims", "classes"), [(600, 8, 5), (200, 512, 5), (300, 64, 10), (3000, 20, 3)])
def test_linear_is_as_good_as_the_best_logistic_regression(number: int, dims: int, classes: int) -> None:
    x, y, x_test, y_test = problem(number, dims, classes, noise=0.5)
    ours = ((x_test @ probe(x, y, classes, LinearConfig()).weights).argmax(1) == y_test).float().mean().item()
    theirs = [
        LogisticRegression(C=c, max_iter=1000).fit(x[:, :-1], y).score(x_test[:, :-1], y_test)
        for c in (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
    ]
    assert ours > max(theirs) - 0.015


def test_linear_in_the_span_of_few_samples_is_linear_in_all_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _, _ = problem(60, 100, 3)
    monkeypatch.setattr("harness_evaluators.linear.TOLERANCE", 1e-12)
    config = LinearConfig(strengths=(1e-3,))
    torch.testing.assert_close(probe(x.double(), y, 3, config).weights, exact(x, y, 3, 1e-3 * 100), atol=1e-4, rtol=0)


def test_linear_reaches_the_answer_on_separable_data_and_repeats_itself() -> None:
    first, second = (Linear(LinearConfig()).evaluate(trained(blobs()))["accuracy"] for _ in range(2))
    assert first.value > 0.97
    np.testing.assert_array_equal(first.units, second.units)
    assert first.details == second.details


def test_linear_folds_have_all_samples_once_and_all_classes() -> None:
    labels = torch.arange(100) % 4
    held = held_out(labels, 0)
    assert held.shape == (5, 100)
    assert torch.equal(held.sum(0), torch.ones(100, dtype=torch.long))
    assert all(torch.equal(labels[fold].bincount(), torch.full((4,), 5)) for fold in held)
    assert not torch.equal(held, held_out(labels, 1))
    assert held_out(torch.arange(4000) % 4, 0).sum(1).tolist() == [800]  # of many samples one fold is enough


@pytest.mark.parametrize("number", [1, 3, 7])
def test_linear_takes_very_few_samples(number: int) -> None:
    weights = probe(
        standardiser(features(number, 4, 0))(features(number, 4, 0)), torch.arange(number), 7, LinearConfig()
    )[0]
    assert weights.shape == (5, 7)
    assert weights.isfinite().all()


def test_linear_survives_features_that_are_constant_or_tiny() -> None:
    x = torch.cat([1e-4 * features(40, 2, 0), torch.full((40, 1), 7.0), torch.zeros(40, 1)], 1)
    scaled = standardiser(x)(x)
    assert scaled.shape == (40, 5)
    torch.testing.assert_close(scaled[:, :2].std(0, correction=0), torch.ones(2))
    torch.testing.assert_close(scaled[:, 2:4], torch.zeros(40, 2))


def test_linear_never_sees_test_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe is the same whatever the test split's labels and images are (the strength is not chosen on it)."""
    seen = []

    def spy(*args: Any) -> Probe:
        seen.append(probe(*args))
        return seen[-1]

    monkeypatch.setattr("harness_evaluators.linear.probe", spy)
    data = blobs(spread=60)
    test = data.split("test")
    shuffled = Split(test.samples.flip(0), test.labels.roll(7), test.classes)
    for split in (test, shuffled):
        changed = replace(data, splits={**data.splits, "test": split})
        Linear(LinearConfig()).evaluate(trained(changed))
    first, second = seen
    assert torch.equal(first.weights, second.weights)
    assert first.strength == second.strength


def test_linear_chooses_the_strength_on_held_out_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits that do not see a fold are scored on it; the strength that is right there is fitted again, to everything."""
    x, truth = standardiser(features(500, 6, 0))(features(500, 6, 0)), features(7, 3, 1)
    y = (x @ truth).argmax(1)
    met: list[tuple[Samples, float]] = []

    def learn(start: Tensor, samples: Samples, penalty: float, *_: Any) -> Tensor:
        met.append((samples, penalty))
        good = penalty == pytest.approx(0.6)
        return (truth if good else -truth).T.expand_as(start)

    monkeypatch.setattr("harness_evaluators.linear.minimise", learn)
    result = probe(x, y, 3, LinearConfig(strengths=(0.01, 0.2, 0.1)))
    assert [penalty for _, penalty in met] == pytest.approx([1.2, 0.6, 0.06, 0.6])  # of 6 features, the strongest first
    assert result.strength == 0.1
    assert torch.equal(result.weights, truth)
    (folds, *_, everything) = [samples for samples, _ in met]
    assert torch.equal((folds.share == 0).sum(0), torch.ones(500, dtype=torch.long))
    torch.testing.assert_close(folds.share.sum(1), torch.ones(5))
    torch.testing.assert_close(everything.share, torch.full((1, 500), 1 / 500))


def test_linear_strength_is_the_middle_of_those_that_chance_may_tell_apart() -> None:
    accuracies = [0.20, 0.47, 0.50, 0.49, 0.46, 0.30]
    assert middle(accuracies, 100) == 2  # 0.45 to 0.50 are alike
    assert middle(accuracies, 10_000) == 2  # 0.495 to 0.50
    assert middle([0.5], 10) == 0
    assert middle([1.0, 0.9, 1.0], 50) == 0


@pytest.mark.parametrize(("strengths", "at_edge"), [((1e-3, 1e-4, 1e-5), False), ((1e-9, 1e-10), True)])
def test_linear_says_whether_the_strength_is_at_the_edge(
    strengths: tuple[float, ...], at_edge: bool, recwarn: pytest.WarningsRecorder
) -> None:
    metric = Linear(LinearConfig(strengths=strengths)).evaluate(trained(blobs(spread=60)))["accuracy"]
    assert metric.details["strength"] in strengths
    assert metric.details["at_edge"] is at_edge
    assert [str(each.message) for each in recwarn if "an end of its `strengths`" in str(each.message)] == (
        [f"the linear probe chose the strength {metric.details['strength']:g}, an end of its `strengths`"] * at_edge
    )
