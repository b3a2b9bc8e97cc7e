"""What scores say beside the accuracy: of classes of unlike size, and of classes that take no part."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from harness_evaluators import FewShotConfig, KNNConfig
from harness_evaluators.fewshot import FewShot
from harness_evaluators.knn import KNN, place_in_class, vote
from harness_evaluators.scores import accuracies
from sklearn.metrics import balanced_accuracy_score
from torch import Tensor, nn

from harness import Data, Method, Metric, Split, Trained, UsageWarning
from harness.testing.problem import image_data


def split(sizes: list[int]) -> Split:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    images = torch.randint(0, 256, (len(labels), 1, 2, 2), generator=torch.Generator().manual_seed(0))
    return Split(images.to(torch.uint8), labels, tuple(f"class {i}" for i in range(len(sizes))))


def test_who_guesses_the_majority_has_half_of_the_balanced_accuracy_of_two_classes() -> None:
    found = accuracies(torch.zeros(100, dtype=torch.int64), split([95, 5]))
    assert found["accuracy"].value == pytest.approx(0.95)
    assert found["balanced accuracy"].value == pytest.approx(0.5)


@pytest.mark.parametrize("sizes", [[30, 9, 4], [10, 0, 21]])
def test_balanced_accuracy_is_scikit_learns(sizes: list[int]) -> None:
    some = split(sizes)
    guesses = torch.randint(0, 3, (len(some),), generator=torch.Generator().manual_seed(1))
    found = accuracies(guesses, some)["balanced accuracy"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are guessed and do not occur
        assert found.value == pytest.approx(balanced_accuracy_score(some.labels, guesses), abs=1e-6)
    assert (found.n, found.unit) == (len(some), "sample")


def test_classes_of_like_size_have_the_accuracy_alone() -> None:
    assert set(accuracies(torch.zeros(30, dtype=torch.int64), split([20, 10]))) == {"accuracy"}


class Flat(nn.Module):
    feature_dim = 4

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def test_few_shot_says_how_many_classes_take_part() -> None:
    data = image_data({"train": split([8] * 6), "novel": split([8] * 5 + [2] * 45)})
    method = Method(Flat(), None, data).eval()
    evaluator = FewShot(FewShotConfig(ways=2, shots=1, queries=3, episodes=4))
    metric = evaluator.evaluate(Trained(method, data))["accuracy"]
    assert metric.protocol == "inductive, 5 of 50 classes"
    whole = FewShot(FewShotConfig(split="train", ways=2, shots=1, queries=3, episodes=4))
    assert whole.evaluate(Trained(method, data))["accuracy"].protocol == "inductive"
    assert list(told(evaluator, method, data)) == []
    (said,) = told(FewShot(FewShotConfig(ways=3, shots=1, queries=3)), method, data)
    assert said.startswith("3-way episodes are drawn from 5 of the 50 classes of the split 'novel'")


def told(evaluator: FewShot, method: Method, data: Data) -> Iterator[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluator.check(method, data)
    for each in caught:
        assert each.category is UsageWarning
        yield str(each.message)


def test_hidden_folds_do_not_vote() -> None:
    draw = torch.Generator().manual_seed(0)
    bank, labels = torch.randn(40, 5, generator=draw), torch.arange(40) % 4
    fold = place_in_class(labels)
    assert fold.tolist() == [i // 4 for i in range(40)]
    assert place_in_class(torch.tensor([2, 0, 2, 2, 0])).tolist() == [0, 0, 1, 2, 1]
    some = torch.tensor([3, 17, 30])
    found = vote(bank[some], bank, labels, 4, 7, 0.1, hidden=(fold[some], fold))
    for place, votes in zip(some.tolist(), found, strict=True):
        others = fold != fold[place]
        torch.testing.assert_close(votes, vote(bank[place][None], bank[others], labels[others], 4, 7, 0.1)[0])
    torch.testing.assert_close(vote(bank[some], bank, labels, 4, 7, 0.1, 2, (fold[some], fold)), found)
    few = vote(bank[:5], bank[:5], labels[:5], 4, 7, 0.1, hidden=(fold[:5], fold[:5]))  # more neighbours than there are
    assert few[4].argmax() == vote(bank[4:5], bank[:4], labels[:4], 4, 7, 0.1).argmax()


class Leaking(KNN):
    """A leak: what is scored as the test split is the reference."""

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        leaking = Trained(trained.method, trained.data)
        leaking._features["test"] = leaking.features("train")[: len(trained.data.split("test"))]
        labels = trained.data.train.labels[: len(trained.data.split("test"))]
        test = trained.data.split("test")
        hidden = Split(test.samples, labels, test.classes)
        leaking.data = replace(trained.data, splits={**trained.data.splits, "test": hidden})
        return super().evaluate(leaking)


def test_a_leak_scores_above_what_is_left_out_of_the_training_split() -> None:
    draw = torch.Generator().manual_seed(0)

    def noise(number: int) -> Split:
        images = torch.randint(0, 256, (number, 1, 2, 2), generator=draw).to(torch.uint8)
        return Split(images, torch.randint(0, 4, (number,), generator=draw), tuple("abcd"))

    data = image_data({"train": noise(400), "test": noise(200)})
    trained = Trained(Method(Flat(), None, data).eval(), data)
    honest, leaking = (kind(KNNConfig(k=5)).evaluate(trained)["accuracy"] for kind in (KNN, Leaking))
    for metric in (honest, leaking):
        assert metric.bound
        assert metric.bound.protocol == "'train', left out"
        assert metric.bound.value == pytest.approx(0.25, abs=0.1)
    assert honest.value < honest.bound.value + honest.half_width + honest.bound.half_width  # type: ignore[union-attr]
    assert leaking.value > leaking.bound.value + 2 * (leaking.half_width + leaking.bound.half_width)  # type: ignore[union-attr]
