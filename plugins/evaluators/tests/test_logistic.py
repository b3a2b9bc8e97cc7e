"""`logistic` against scikit-learn's logistic regression over the same penalties."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
import torch
from harness_evaluators import LogisticConfig
from harness_evaluators.logistic import FOLDS, PENALTIES, Logistic, regression, with_ones
from harness_evaluators.splits import stratified
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from harness import Data, Method, Split, Trained, UsageError, Vectors, VectorShape


class Problem(NamedTuple):
    """Features and labels to learn from, and others to test on."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor

    def data(self) -> Data:
        """As vectors that a network sees as they are."""
        classes = tuple(f"class {i}" for i in range(int(self.y.max()) + 1))
        splits = {"train": Split(self.x, self.y, classes), "test": Split(self.x_test, self.y_test, classes)}
        width = self.x.shape[1]
        return Data.of(
            splits, Vectors(VectorShape(width), 0.0, torch.zeros(width), torch.ones(width), self.x), torch.device("cpu")
        )


def drawn(number: int, dims: int, classes: int, noise: float) -> Problem:
    """Classes are directions; features have unlike scales, and are far from zero."""
    draw = torch.Generator().manual_seed(number + dims)
    truth, scale = torch.randn(dims, classes, generator=draw) / dims**0.5, 4 ** torch.rand(dims, generator=draw)
    x = torch.randn(number + 1000, dims, generator=draw)
    y = (x @ truth + noise * torch.randn(len(x), classes, generator=draw)).argmax(1)
    x = 3 + x * scale
    return Problem(x[:number], y[:number], x[number:], y[number:])


def digits() -> Problem:
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images).float(), torch.tensor(labels)
    return Problem(x[:400], y[:400], x[400:], y[400:])


def theirs(problem: Problem) -> float:
    """Accuracy of scikit-learn's, in float64, with the best of the same penalties on the same held-out samples."""
    centre = problem.x.mean(0)  # changes nothing but how soon it converges
    x, x_test = ((part - centre).double().numpy() for part in (problem.x, problem.x_test))
    y, held = problem.y.numpy(), stratified(problem.y, 0, FOLDS).numpy() == 0

    def fit(penalty: float, part: np.ndarray, model: LogisticRegression) -> LogisticRegression:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of the weakest penalties
            return model.set_params(C=1 / (part.sum() * penalty)).fit(x[part], y[part])

    best, chosen, path = -1.0, 0.0, LogisticRegression(warm_start=True, max_iter=200, tol=1e-5)
    for penalty in reversed(PENALTIES):
        accuracy = fit(penalty, ~held, path).score(x[held], y[held])
        if accuracy > best:
            best, chosen = accuracy, penalty
    last = fit(chosen, np.ones(len(x), bool), LogisticRegression(max_iter=1000, tol=1e-6))
    return float(last.score(x_test, problem.y_test.numpy()))


@pytest.mark.parametrize(
    "problem",
    [drawn(400, 10, 4, 0.3), drawn(120, 200, 3, 0.2), digits()],
    ids=["few dimensions", "more dimensions than samples", "digits"],
)
def test_it_is_within_half_a_point_of_scikit_learn(problem: Problem) -> None:
    data = problem.data()
    method, evaluator = Method(nn.Identity(), None, data).eval(), Logistic(LogisticConfig())
    evaluator.check(method, data)
    metric = evaluator.evaluate(Trained(method, data))["accuracy"]
    with threadpool_limits(1):  # so small a problem is slower on several threads
        assert metric.value == pytest.approx(theirs(problem), abs=0.005 + 1e-9)  # half a point itself is within it
    assert metric.n == len(problem.y_test)
    assert metric.details["penalty"] in PENALTIES
    assert metric.bound
    assert metric.bound.value >= metric.value


def test_penalties_are_those_of_the_papers() -> None:
    assert len(PENALTIES) == 45
    np.testing.assert_allclose(np.log10(PENALTIES), np.linspace(-6, 5, 45), atol=1e-9)


def test_weights_are_scikit_learns_for_the_penalty_that_was_chosen() -> None:
    x, y, *_ = drawn(300, 6, 3, 1.0)
    held = stratified(y, 0, FOLDS) == 0
    weights, penalty = regression(with_ones(x - x.mean(0)).double(), y, 3, held)
    model = LogisticRegression(C=1 / (len(x) * penalty), tol=1e-8, max_iter=3000).fit(x.double(), y)
    np.testing.assert_allclose(weights[:-1].T, model.coef_, atol=0.01)


def test_held_out_samples_choose() -> None:
    """Where they all are of one class, the strongest penalty does, which leaves nothing but the intercepts."""
    x, y, *_ = drawn(400, 10, 4, 0.0)
    held, features = stratified(y, 0, FOLDS) == 0, with_ones(x - x.mean(0))
    _, chosen = regression(features, y, 4, held)
    moved = y.clone()
    moved[held] = int(y[~held].bincount().argmax())
    _, misled = regression(features, moved, 4, held)
    assert (chosen < 0.1, misled) == (True, PENALTIES[-1])


def test_it_says_before_training_what_is_missing() -> None:
    few = Problem(*(part[:4] for part in drawn(40, 3, 2, 0.0))).data()
    with pytest.raises(UsageError, match="'train' has 4 samples: too few to hold one of 5 out"):
        Logistic(LogisticConfig()).check(Method(nn.Identity(), None, few), few)
    plain = Data.of({"train": Split(few.train.samples), "test": few.split("test")}, few.modality, few.device)
    with pytest.raises(UsageError, match="'train' has no labels"):
        Logistic(LogisticConfig()).check(Method(nn.Identity(), None, plain), plain)
