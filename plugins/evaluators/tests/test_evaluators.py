"""The evaluators against scikit-learn, known answers, and the ways a score can be wrong without looking so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from harness_evaluators import FewShotConfig, KNNConfig, LinearConfig
from harness_evaluators.fewshot import FewShot
from harness_evaluators.knn import KNN, vote
from harness_evaluators.linear import Linear, fit, probe, standardiser
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from harness import Augmentation, Classifier, Data, EpisodeIndices, Method, Split, Trained, UsageError, draw_episodes

SHAPE = (1, 2, 2)


class Pixels(nn.Module):
    """The image is its own feature."""

    feature_dim = 4

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


class Recorder(Method):
    """Nearest centroid, on features or on images, that remembers the episodes it met."""

    def __init__(self, adapts_on: str = "features") -> None:
        super().__init__(nn.Sequential(nn.BatchNorm2d(1), Pixels()), None, blobs())
        self.adapts_on = adapts_on  # type: ignore[assignment, misc]  # one class serves both cases of the test
        self.met: list[Tensor] = []

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        self.met.append(support.flatten(2))
        classify = super().adapt(support.flatten(2), labels, ways)
        return lambda query: classify(query.flatten(2))

    def check_ways(self, ways: int) -> None:
        if ways > 6:
            raise UsageError("at most 6 ways")


def blobs(spread: float = 12.0, per_class: int = 20, seed: int = 0) -> Data:
    """Six classes around six corners of pixel space, in `train` and `test`; `novel` has further samples of them."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[60, 60, 60, 190], [60, 60, 190, 60], [60, 190, 60, 60], [190, 60, 60, 60]])
    centres = torch.cat([centres, torch.tensor([[190, 190, 60, 60], [60, 60, 190, 190]])]).float()
    classes = tuple("abcdef")

    def split() -> Split:
        labels = torch.arange(6).repeat_interleave(per_class)
        noise = spread * torch.randn(len(labels), 4, generator=generator)
        images = (centres[labels] + noise).round().clamp(0, 255).to(torch.uint8)
        return Split(images.view(-1, *SHAPE), labels, classes)

    return Data.of({name: split() for name in ("train", "test", "novel")}, Augmentation(), torch.device("cpu"))


def trained(data: Data, method: Method | None = None) -> Trained:
    return Trained((method or Recorder()).eval(), data)


def features(number: int, dims: int, seed: int) -> Tensor:
    return torch.randn(number, dims, generator=torch.Generator().manual_seed(seed))


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


def test_linear_gradient_is_that_of_cross_entropy() -> None:
    x, y = features(12, 3, 0).double(), torch.arange(12) % 4
    config = LinearConfig(epochs=1, batch_size=12)
    weights = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    nn.functional.cross_entropy(x @ weights, y).backward()
    assert weights.grad is not None
    for rate, fitted in zip((0.5, 2.0), fit(x, y, 4, x.new_tensor([0.5, 2.0]), config, torch.Generator()), strict=True):
        torch.testing.assert_close(fitted, -rate * weights.grad)


def test_linear_agrees_with_logistic_regression() -> None:
    truth = features(8, 5, 0)
    x, x_test = features(600, 8, 1), features(400, 8, 2)
    y, y_test = ((each @ truth + 1.5 * features(len(each), 5, 3)).argmax(1) for each in (x, x_test))
    scale = standardiser(x)
    ours = ((scale(x_test) @ probe(scale(x), y, 5, LinearConfig())).argmax(1) == y_test).float().mean().item()
    theirs = LogisticRegression(C=1e4, max_iter=1000).fit(x, y).score(x_test, y_test)
    assert ours == pytest.approx(theirs, abs=0.03)


def test_linear_reaches_the_answer_on_separable_data_and_repeats_itself() -> None:
    first, second = (Linear(LinearConfig(epochs=30)).evaluate(trained(blobs()))["accuracy"] for _ in range(2))
    assert first.value > 0.97
    np.testing.assert_array_equal(first.units, second.units)


def test_linear_survives_features_that_are_constant_or_tiny() -> None:
    x = torch.cat([1e-4 * features(40, 2, 0), torch.full((40, 1), 7.0), torch.zeros(40, 1)], 1)
    scaled = standardiser(x)(x)
    assert scaled.shape == (40, 5)
    torch.testing.assert_close(scaled[:, :2].std(0, correction=0), torch.ones(2))
    torch.testing.assert_close(scaled[:, 2:4], torch.zeros(40, 2))


def test_linear_never_sees_test_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe is the same whatever the test split's labels and images are (the rate is not chosen on it)."""
    seen = []

    def spy(*args: Any) -> Tensor:
        seen.append(probe(*args))
        return seen[-1]

    monkeypatch.setattr("harness_evaluators.linear.probe", spy)
    data = blobs(spread=60)
    test = data.split("test")
    shuffled = Split(test.images.flip(0), test.labels.roll(7), test.classes)
    for split in (test, shuffled):
        changed = Data({**data.splits, "test": split}, data.augmentation, data.mean, data.std)
        Linear(LinearConfig(epochs=5)).evaluate(trained(changed))
    assert torch.equal(*seen)


def test_linear_chooses_the_rate_on_held_out_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates train on nine tenths; the one that is right on the last tenth trains again, on everything."""
    x, truth = features(500, 6, 0), features(6, 3, 1)
    met: list[tuple[Tensor, list[float]]] = []

    def learn(x: Tensor, labels: Tensor, classes: int, rates: Tensor, *_: Any) -> Tensor:  # noqa: ARG001 (as fit)
        met.append((x, rates.tolist()))
        return torch.stack([truth if rate == 2 else -truth for rate in rates])

    monkeypatch.setattr("harness_evaluators.linear.fit", learn)
    probe(x, (x @ truth).argmax(1), 3, LinearConfig(learning_rates=(1.0, 2.0, 3.0)))
    (trained_on, rates), (final, chosen) = met
    assert rates == [1, 2, 3]
    assert chosen == [2]
    assert len({tuple(row.tolist()) for row in trained_on}) == 450
    assert torch.equal(final, x)


@pytest.mark.parametrize("evaluator", [KNN(KNNConfig(test="novel")), Linear(LinearConfig(test="novel"))])
def test_reference_and_test_must_hold_the_same_classes(evaluator: KNN | Linear) -> None:
    data = blobs()
    novel = data.split("novel")
    renamed = Split(novel.images, novel.labels, tuple("uvwxyz"))
    changed = Data({**data.splits, "novel": renamed}, data.augmentation, data.mean, data.std)
    evaluator.check(Recorder(), data)
    with pytest.raises(UsageError, match="same classes"):
        evaluator.check(Recorder(), changed)


def test_a_split_cannot_be_its_own_reference() -> None:
    with pytest.raises(UsageError, match="its own neighbour"):
        KNN(KNNConfig(test="train")).check(Recorder(), blobs())


def test_fewshot_episodes_are_the_same_for_every_method_and_seed() -> None:
    data, met = blobs(), []
    for adapts_on, seed in (("features", 1), ("images", 2)):
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


@pytest.mark.parametrize("adapts_on", ["features", "images"])
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
        Linear(LinearConfig(epochs=2)).evaluate,
        FewShot(FewShotConfig(ways=3, queries=5, episodes=3)).evaluate,
    ],
)
@pytest.mark.parametrize("adapts_on", ["features", "images"])
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
        (LinearConfig, {"epochs": 0}),
        (LinearConfig, {"learning_rates": ()}),
        (LinearConfig, {"learning_rates": (0.1, -1.0)}),
        (FewShotConfig, {"ways": 1}),
        (FewShotConfig, {"shots": 0}),
    ],
)
def test_impossible_options_are_refused(config: Callable[..., Any], values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        config(**values)
