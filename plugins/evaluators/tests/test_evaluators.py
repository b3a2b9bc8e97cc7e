"""The evaluators against scikit-learn, known answers, and the ways a score can be wrong without looking so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from harness_evaluators import FewShotConfig, KNNConfig, LinearConfig
from harness_evaluators.fewshot import FewShot
from harness_evaluators.knn import KNN, vote
from harness_evaluators.linear import Linear
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from harness import EpisodeIndices, Split, Trained, UsageError, draw_episodes

from .blobs import Recorder, blobs, features, trained


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (7, 0.1), (50, 0.5), (50, 0.01)])
def test_knn_agrees_with_scikit_learn(k: int, temperature: float) -> None:
    bank, queries = features(150, 5, 0), features(80, 5, 1)
    labels = torch.randint(4, (150,), generator=torch.Generator().manual_seed(2))

    def weights(distances: Any) -> Any:
        return np.exp((1 - distances - 1) / temperature)

    reference = KNeighborsClassifier(k, metric="cosine", weights=weights, algorithm="brute").fit(bank.double(), labels)
    votes = vote(queries.double(), bank.double(), labels, 4, k, temperature, chunk=32)
    np.testing.assert_allclose(votes / votes.sum(1, keepdim=True), reference.predict_proba(queries.double()), atol=1e-9)


def test_knn_with_k_beyond_the_reference_takes_all_of_it() -> None:
    bank, queries, labels = features(30, 5, 0), features(9, 5, 1), torch.arange(30) % 3
    torch.testing.assert_close(vote(queries, bank, labels, 3, 200, 0.1), vote(queries, bank, labels, 3, 30, 0.1))


def test_knn_scores_every_test_image() -> None:
    metric = KNN(KNNConfig(k=10)).evaluate(trained(blobs()))["accuracy"]
    assert metric.n == 120
    assert set(metric.units) <= {0.0, 1.0}
    assert metric.value > 0.95
    assert metric.value == pytest.approx(metric.units.mean())


@pytest.mark.parametrize("evaluator", [KNN(KNNConfig(test="novel")), Linear(LinearConfig(test="novel"))])
def test_reference_and_test_must_hold_the_same_classes(evaluator: KNN | Linear) -> None:
    data = blobs()
    novel = data.split("novel")
    renamed = Split(novel.samples, novel.labels, tuple("uvwxyz"))
    changed = replace(data, splits={**data.splits, "novel": renamed})
    evaluator.check(Recorder(), data)
    with pytest.raises(UsageError, match="same classes"):
        evaluator.check(Recorder(), changed)


def test_a_split_cannot_be_its_own_reference() -> None:
    with pytest.raises(UsageError, match="its own neighbour"):
        KNN(KNNConfig(test="train")).check(Recorder(), blobs())


def test_fewshot_episodes_are_the_same_for_every_method_and_seed() -> None:
    data, met = blobs(), []
    for adapts_on, seed in (("features", 1), ("inputs", 2)):
        torch.manual_seed(seed)
        method = Recorder(adapts_on)
        metric = FewShot(FewShotConfig(ways=3, shots=2, queries=5, episodes=130)).evaluate(trained(data, method))
        met.append((torch.cat(method.met), metric["accuracy"]))
    (on_features, one), (on_images, other) = met
    assert on_features.shape == (130, 6, 4)
    torch.testing.assert_close(on_features, on_images / (1 + 1e-5) ** 0.5)  # batch norm of a fresh network
    np.testing.assert_array_equal(one.units, other.units)
    assert one.value > 0.8


def test_fewshot_seed_and_only_it_changes_the_episodes() -> None:
    data = blobs()

    def drawn(**options: int) -> list[Tensor]:
        config = FewShotConfig(ways=3, queries=5, **options)
        return [each.query for each in FewShot(config).episodes(data.split("novel"))]

    torch.testing.assert_close(torch.cat(drawn(episodes=250))[:100], torch.cat(drawn(episodes=100)))
    assert not torch.equal(drawn(episodes=9)[0], drawn(episodes=9, seed=1)[0])


def test_fewshot_takes_the_split_of_new_classes_or_else_test_and_says_which() -> None:
    data = blobs()
    without = replace(data, splits={name: split for name, split in data.splits.items() if name != "novel"})
    for given, name in ((data, "novel"), (without, "test")):
        metrics = []
        for split in (None, name):
            evaluator = FewShot(FewShotConfig(ways=3, queries=5, episodes=9, split=split))
            evaluator.check(Recorder(), given)
            metrics.append(evaluator.evaluate(trained(given))["accuracy"])
        found, asked = metrics
        np.testing.assert_array_equal(found.units, asked.units)
        assert (found.details, asked.details, found.protocol) == ({"split": name}, {}, asked.protocol)
    with pytest.raises(UsageError, match="novel"):
        FewShot(FewShotConfig(ways=3)).check(Recorder(), without)


def test_fewshot_agrees_with_a_loop() -> None:
    data = blobs(spread=60)
    config = FewShotConfig(ways=4, shots=3, queries=5, episodes=20)
    state = trained(data)
    metric = FewShot(config).evaluate(state)["accuracy"]
    bank = state.features("novel")
    expected = []
    for drawn in FewShot(config).episodes(data.split("novel"), size=1):
        hits = 0
        for query, label in zip(drawn.query[0], drawn.query_labels[0], strict=True):
            centroids = [
                nn.functional.normalize(bank[drawn.support[0][drawn.support_labels[0] == way]], dim=1).mean(0)
                for way in range(4)
            ]
            similarities = [nn.functional.cosine_similarity(bank[query], each, dim=0).item() for each in centroids]
            hits += int(np.argmax(similarities)) == int(label)
        expected.append(hits / 20)
    np.testing.assert_allclose(metric.units, expected, atol=1e-6)
    assert metric.unit == "episode"
    assert metric.protocol == "inductive"


@pytest.mark.parametrize("adapts_on", ["features", "inputs"])
def test_fewshot_accuracies_do_not_depend_on_the_order_of_queries(
    adapts_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, config = blobs(spread=60), FewShotConfig(ways=4, shots=2, queries=5, episodes=130)
    shuffled = FewShot(config).evaluate(trained(data, Recorder(adapts_on)))["accuracy"]

    def class_by_class(*asked: Any) -> EpisodeIndices:
        drawn = draw_episodes(*asked)
        order = drawn.query_labels.argsort(1)
        return drawn._replace(query=drawn.query.gather(1, order), query_labels=drawn.query_labels.gather(1, order))

    monkeypatch.setattr("harness_evaluators.fewshot.draw_episodes", class_by_class)
    sorted_ = FewShot(config).evaluate(trained(data, Recorder(adapts_on)))["accuracy"]
    np.testing.assert_array_equal(shuffled.units, sorted_.units)
    assert 0.3 < shuffled.value < 0.95


def test_fewshot_names_transductive_batch_norm() -> None:
    method = Recorder()
    method.transductive = True
    config = FewShotConfig(ways=2, queries=5, episodes=2)
    assert FewShot(config).evaluate(trained(blobs(), method))["accuracy"].protocol == "transductive BN"


@pytest.mark.parametrize(
    "score",
    [
        KNN(KNNConfig()).evaluate,
        Linear(LinearConfig()).evaluate,
        FewShot(FewShotConfig(ways=3, queries=5, episodes=3)).evaluate,
    ],
)
@pytest.mark.parametrize("adapts_on", ["features", "inputs"])
def test_evaluation_leaves_the_method_untouched(score: Callable[[Trained], Any], adapts_on: str) -> None:
    method = Recorder(adapts_on)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    score(trained(blobs(), method))
    assert not method.training
    for name, value in method.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FewShotConfig(split="nvel"), "no split 'nvel'; it has train, test, novel"),
        (FewShotConfig(shots=10), "need 5 classes of at least 25 samples"),
        (FewShotConfig(ways=7, queries=5), "7 classes"),
    ],
)
def test_fewshot_says_before_training_what_cannot_work(config: FewShotConfig, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FewShot(config).check(Recorder(), blobs())


def test_fewshot_asks_the_method_for_its_ways() -> None:
    class Narrow(Recorder):
        def check_ways(self, ways: int) -> None:
            raise UsageError(f"not {ways}")

    with pytest.raises(UsageError, match="not 5"):
        FewShot(FewShotConfig(queries=5)).check(Narrow(), blobs())


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (KNNConfig, {"k": 0}),
        (KNNConfig, {"temperature": 0.0}),
        (LinearConfig, {"strengths": ()}),
        (LinearConfig, {"strengths": (0.1, -1.0)}),
        (LinearConfig, {"strengths": (0.1, 0.0)}),
        (FewShotConfig, {"ways": 1}),
        (FewShotConfig, {"shots": 0}),
    ],
)
def test_impossible_options_are_refused(config: Callable[..., Any], values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        config(**values)
