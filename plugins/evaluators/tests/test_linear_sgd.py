"""`linear_sgd` against gradient descent in numpy; what its encoder is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from harness_evaluators import LinearSGDConfig
from harness_evaluators.linear_sgd import FOLDS, LinearSGD
from harness_evaluators.splits import stratified
from harness_evaluators.supervision import batches, mild
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from torch import Tensor, nn

from harness import Augmentation, Data, Draw, Method, Split, Streamed, Trained, UsageError, Vectors
from harness.testing.problem import image_data

CLASSES = tuple("abc")


class Seen(Method):
    """Gives samples as they are, flat, and remembers them."""

    def __init__(self, data: Data) -> None:
        super().__init__(nn.Flatten(), None, data)
        self.inputs: list[Tensor] = []

    def encode(self, inputs: Tensor) -> Tensor:
        self.inputs.append(inputs)
        return super().encode(inputs)


def vectors(corruption: float = 0.6) -> Data:
    draw = torch.Generator().manual_seed(0)

    def split(number: int) -> Split:
        labels = torch.arange(number) % 3
        return Split(torch.randn(number, 4, generator=draw) + 2 * torch.eye(3, 4)[labels], labels, CLASSES)

    splits = {"train": split(60), "test": split(90)}
    return Data.of(splits, Vectors.of(splits["train"].samples, corruption), torch.device("cpu"))


def digits(augmentation: Augmentation) -> Data:
    images, labels = load_digits(return_X_y=True)
    samples = torch.tensor(images * 15).to(torch.uint8).view(-1, 1, 8, 8)
    targets, classes = torch.tensor(labels), tuple("0123456789")
    parts = {"train": slice(0, 300), "test": slice(300, 800)}
    return image_data({n: Split(samples[p], targets[p], classes) for n, p in parts.items()}, augmentation)


def descent(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias after gradient descent with momentum .9 on softmax regression, the rate along a cosine."""
    x, moved = np.concatenate([x, np.ones((len(x), 1))], 1), np.zeros((3, x.shape[1] + 1))
    weights, targets = np.zeros_like(moved), np.eye(3)[y]
    for step in range(steps):
        logits = x @ weights.T
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        moved = 0.9 * moved + (shares - targets).T @ x / len(x)
        weights = weights - rate * (1 + np.cos(np.pi * step / steps)) / 2 * moved
    return weights[:, :-1], weights[:, -1]


def test_each_rate_learns_what_gradient_descent_does() -> None:
    data = vectors()
    fold = stratified(data.train.labels, 0, FOLDS)
    members = (fold != 0).nonzero().squeeze(1)
    config = LinearSGDConfig(epochs=30, learning_rates=(0.1, 1e9, 0.5))  # one batch an epoch; a rate that diverges
    heads = LinearSGD(config).trained(Trained(Seen(data).eval(), data), members)
    x = data.inputs(data.train.samples[members]).double().numpy()  # type: ignore[index, arg-type]
    for head, rate in ((heads[0], 0.1), (heads[2], 0.5)):
        weights, bias = descent(x, data.train.labels[members].numpy(), rate, 30)
        np.testing.assert_allclose(head.weight.detach(), weights, atol=1e-4)
        np.testing.assert_allclose(head.bias.detach(), bias, atol=1e-4)


def test_held_out_samples_choose_the_rate() -> None:
    """Digits, 30 of 300 held out: of those rates that are right most often there, the one with the least loss."""
    data = digits(Augmentation())
    trained = Trained(Seen(data).eval(), data)
    evaluator = LinearSGD(LinearSGDConfig(epochs=5, batch_size=27, learning_rates=(1e-6, 1e-3, 0.03, 1e38)))
    metric = evaluator.evaluate(trained)["accuracy"]
    fold = stratified(data.train.labels, 0, FOLDS)
    heads = evaluator.trained(trained, (fold != 0).nonzero().squeeze(1))
    features, labels = trained.features("train")[fold == 0], data.train.labels[fold == 0]
    found = []
    for head, rate in zip(heads, evaluator.config.learning_rates, strict=True):
        logits = head(features).detach().double().numpy()
        if np.isfinite(logits).all():
            loss = np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels])
            found.append((accuracy_score(labels, logits.argmax(1)), -loss, rate))
    assert metric.details == {"learning_rate": max(found)[2]}
    assert [rate for *_, rate in found] == [1e-6, 1e-3, 0.03]  # the last one diverges
    assert metric.n == 500


def test_pictures_are_cropped_and_flipped_and_nothing_else() -> None:
    alone = Augmentation(crop=(0.3, 1.0), flip=0.5)
    strong = Augmentation(
        crop=(0.3, 1.0), flip=0.5, jitter=1.0, blur=1.0, solarise=1.0, rotate=90.0, scale=(0.5, 2.0), shear=20.0
    )
    samples = digits(alone).train.samples[:64]
    views = []
    for augmentation in (alone, strong):
        modality = mild(digits(augmentation).modality)
        assert modality
        views.append(modality.view(samples, Draw(64, torch.Generator().manual_seed(3))))  # type: ignore[arg-type]
    expected = digits(alone).modality.view(samples, Draw(64, torch.Generator().manual_seed(3)))  # type: ignore[arg-type]
    for each in views:
        torch.testing.assert_close(each, expected, atol=1e-4, rtol=0)
    assert (views[0] - digits(alone).inputs(samples)).abs().amax((1, 2, 3)).gt(0.1).float().mean() > 0.9  # type: ignore[arg-type]


def test_it_learns_from_views_of_the_reference_alone() -> None:
    """Digits, 10 epochs: every sample that is kept is seen once an epoch, in another view each time."""
    data = digits(Augmentation(crop=(0.8, 1.0), jitter=1.0))
    method = Seen(data).eval()
    evaluator = LinearSGD(LinearSGDConfig(epochs=10, batch_size=27, learning_rates=(0.003, 0.03, 0.3)))
    evaluator.check(method, data)
    trained = Trained(method, data)
    trained.features("test")
    method.inputs.clear()
    metric = evaluator.evaluate(trained)["accuracy"]
    assert metric.value > 0.75
    views = [batch for batch in method.inputs if len(batch) == 27]
    assert len(views) == 10 * (270 // 27)
    shown = torch.cat(method.inputs).flatten(1)
    known = data.inputs(data.split("test").samples).flatten(1)  # type: ignore[arg-type]
    assert torch.cdist(shown, known).min() > 1e-3
    assert len(torch.cat(views).flatten(1).unique(dim=0)) > 1000  # of 270 samples
    assert not method.training


def test_samples_that_are_no_pictures_are_seen_as_they_are() -> None:
    data = vectors()
    shown = torch.cat([b.inputs for b in batches(data, data.train, torch.arange(60), 20, 2, seed=0)])
    assert shown.shape == (120, 4)
    assert torch.equal(shown.unique(dim=0), data.inputs(data.train.samples).unique(dim=0))  # type: ignore[arg-type]


def test_batches_of_streamed_samples_are_the_same() -> None:
    data = digits(Augmentation(crop=(0.5, 1.0)))
    kept = data.train.samples.numpy()  # type: ignore[union-attr]
    streamed = data.train.with_samples(Streamed(lambda i: kept[i], kept.shape))
    members = torch.arange(10, 100)
    for one, other in zip(*(batches(data, each, members, 32, 2, 0) for each in (data.train, streamed)), strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.labels, other.labels)
        assert one.steps == other.steps == 4


def test_it_says_before_training_what_is_missing() -> None:
    data = vectors()
    train = data.train
    few = Split(train.samples[:9], train.labels[:9], CLASSES)  # type: ignore[index]
    some = Data.of({"train": few, "test": data.split("test")}, data.modality, data.device)
    with pytest.raises(UsageError, match="'train' has 9 samples: too few to hold one of 10 out"):
        LinearSGD(LinearSGDConfig()).check(Seen(some), some)
    for wrong in ({"epochs": 0}, {"batch_size": 0}, {"learning_rates": ()}, {"learning_rates": (0.1, 0.0)}):
        with pytest.raises(ValueError, match="must be"):
            LinearSGDConfig(**wrong)  # type: ignore[arg-type]
