"""Retrieval against scikit-learn's average precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from harness_evaluators import RetrievalConfig
from harness_evaluators.retrieval import Retrieval, average_precision
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor, nn

from harness import Data, Method, Split, Trained, UsageError, Vectors

CLASSES = ("a", "b", "c")


def data(**labels: list[int]) -> Data:
    """Vectors that tell something of their class; splits with these labels."""
    draw = torch.Generator().manual_seed(0)
    splits = {name: split(torch.tensor(each), draw) for name, each in labels.items()}
    return Data.of(splits, Vectors.of(splits["train"].samples), torch.device("cpu"))


def split(labels: Tensor, draw: torch.Generator) -> Split:
    noise = torch.randn(len(labels), 5, generator=draw)
    return Split(noise + torch.eye(3, 5)[labels], labels, CLASSES)


def encoder(of: Data) -> Method:
    return Method(nn.Identity(), None, of).eval()


def score(of: Data, config: RetrievalConfig) -> tuple[np.ndarray, str]:
    evaluator, method = Retrieval(config), encoder(of)
    evaluator.check(method, of)
    metric = evaluator.evaluate(Trained(method, of))["mAP"]
    assert (metric.unit, metric.shown) == ("query", "percent")
    assert metric.value == pytest.approx(metric.units.mean())
    return metric.units, metric.protocol


def test_in_its_own_split_each_query_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness_evaluators.retrieval.CHUNK", 7)
    some = data(train=[0, 1, 2], test=[0] * 9 + [1] * 14 + [2] * 7)
    test = some.split("test")
    features = some.inputs(test.samples).numpy()  # type: ignore[arg-type]
    expected = []
    for query in range(len(test)):
        others = np.arange(len(test)) != query
        likeness = cosine_similarity(features[query : query + 1], features[others])[0]
        expected.append(average_precision_score((test.labels == test.labels[query]).numpy()[others], likeness))
    units, protocol = score(some, RetrievalConfig())
    np.testing.assert_allclose(units, expected, atol=1e-5)
    assert protocol == ""
    assert 0.35 < units.mean() < 0.9


def test_another_split_is_searched_whole() -> None:
    some = data(train=[0, 1, 2] * 12, test=[2, 0, 1, 1])
    train, test = some.train, some.split("test")
    likeness = cosine_similarity(*(some.inputs(each.samples).numpy() for each in (test, train)))  # type: ignore[arg-type]
    expected = [
        average_precision_score((train.labels == label).numpy(), each)
        for label, each in zip(test.labels, likeness, strict=True)
    ]
    units, _ = score(some, RetrievalConfig(reference="train"))
    np.testing.assert_allclose(units, expected, atol=1e-5)


def test_answers_that_are_equally_like_have_no_order() -> None:
    draw = torch.Generator().manual_seed(0)
    likeness = torch.randint(0, 4, (50, 30), generator=draw).float()
    relevant = torch.rand(50, 30, generator=draw) < 0.2
    relevant[:, 3] = True
    expected = [average_precision_score(r.numpy(), s.numpy()) for r, s in zip(relevant, likeness, strict=True)]
    np.testing.assert_allclose(average_precision(likeness, relevant), expected, atol=1e-6)
    blind = average_precision(torch.zeros(1, 30), relevant[:1])
    assert blind.item() == pytest.approx(relevant[0].float().mean().item())


def test_queries_without_anything_to_find_are_left_out() -> None:
    units, protocol = score(data(train=[0, 1, 2], test=[0, 0, 1, 1, 1, 2]), RetrievalConfig())
    assert len(units) == 5
    assert protocol == "5 of 6 queries, which have something to find"


@pytest.mark.parametrize(
    ("labels", "config", "message"),
    [
        ([0, 1, 2], RetrievalConfig(), "no sample of 'test' has another one of its class in 'test'"),
        ([0, 1, 2], RetrievalConfig(reference="trian"), "no split 'trian'"),
        ([0, 1, 2], RetrievalConfig(reference="novel"), "'novel' and 'test' do not hold the same classes"),
        ([0, 1, 2], RetrievalConfig(test="plain"), "the split 'plain' has no labels"),
    ],
)
def test_it_says_before_training_what_is_missing(labels: list[int], config: RetrievalConfig, message: str) -> None:
    some = data(train=[0, 1, 2], test=labels)
    samples = some.train.samples
    more = {"novel": Split(samples, some.train.labels, tuple("xyz")), "plain": Split(samples)}
    some = Data.of({**some.splits, **more}, some.modality, some.device)
    with pytest.raises(UsageError, match=message):
        Retrieval(config).check(encoder(some), some)
