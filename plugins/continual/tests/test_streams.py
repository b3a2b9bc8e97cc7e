"""Streams: what arrives when, what is asked, and what known learners make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from harness_continual import ContinualConfig, measures
from harness_continual.evaluator import Continual
from harness_continual.slda import SLDA
from harness_continual.softmax import Joint, Softmax
from harness_continual.streams import after_each_task, at_the_end, draw_order, streams
from torch import Tensor, nn

from harness import Data, Method, NoOptions, RunningMeans, Split, Trained, UsageError, Vectors

CONFIG = ContinualConfig(classes=8, task_classes=2, shots=4, test=3, orders=3)
NAMES = tuple(f"class {number}" for number in range(10))


def split(noise: float = 0.5, seed: int = 0, names: tuple[str, ...] = NAMES, width: int = 6) -> Split:
    """Vectors around a mean for each class, 9 of each, in a random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(names)).repeat(9)[torch.randperm(9 * len(names), generator=generator)]
    means = torch.randn(len(names), width, generator=generator)
    return Split(means[labels] + noise * torch.randn(len(labels), width, generator=generator), labels, names)


def vectors(given: Split) -> Tensor:
    assert isinstance(given.samples, Tensor)
    return given.samples


def test_a_stream_is_task_by_task_and_shuffled_within() -> None:
    given = split()
    drawn = draw_order(given, CONFIG)
    assert drawn.support.shape == (3, 32)
    for order in range(3):
        tasks = drawn.support_labels[order].view(4, 8) // 2
        assert (tasks == torch.arange(4)[:, None]).all()
        assert any((row.diff() < 0).any() for row in drawn.support_labels[order].view(4, 8))
        both = torch.cat([drawn.support[order], drawn.query[order]])
        assert len(both.unique()) == len(both) == 8 * 7
        classes, labels = given.labels[both], torch.cat([drawn.support_labels[order], drawn.query_labels[order]])
        assert len(set(zip(classes.tolist(), labels.tolist(), strict=True))) == 8  # one label for each class
    assert (given.labels[drawn.support[0]] != given.labels[drawn.support[1]]).any()


def test_labels_of_domains_are_places_in_their_tasks() -> None:
    given = split()
    one, other = (streams(vectors(given), given, replace(CONFIG, scenario=each)) for each in ("class", "domain"))
    assert torch.equal(other.labels, one.labels % 2)
    assert torch.equal(other.query_labels, one.query_labels % 2)
    assert torch.equal(other.query_tasks, one.query_labels // 2)


def plainly(given: Split, config: ContinualConfig, order: int, after: int) -> list[float]:
    """Accuracy of the nearest mean by cosine on the tasks so far, by loops over what `draw_order` gives."""
    drawn = draw_order(given, config)
    x = torch.nn.functional.normalize(vectors(given), dim=1)
    known = set(range((after + 1) * config.task_classes))
    means = {}
    for label in known:
        members = [
            i for i, each in zip(drawn.support[order], drawn.support_labels[order], strict=True) if each == label
        ]
        means[label] = x[torch.stack(members)].mean(0)
    hits: dict[int, list[bool]] = {}
    for index, label in zip(drawn.query[order].tolist(), drawn.query_labels[order].tolist(), strict=True):
        task = label // config.task_classes
        asked = known if config.scenario == "class" else {each for each in known if each // config.task_classes == task}
        if task <= after:
            best = max(asked, key=lambda each: torch.cosine_similarity(x[index], means[each], dim=0).item())
            hits.setdefault(task, []).append(best == label)
    return [sum(hits[task]) / len(hits[task]) for task in range(after + 1)]


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_accuracies_are_those_of_loops(scenario: str) -> None:
    given = split(noise=1.0)
    config = replace(CONFIG, scenario=scenario)
    found = after_each_task(RunningMeans(8), streams(vectors(given), given, config))
    assert found.shape == (3, 4, 4)
    for order in range(3):
        for after in range(4):
            expected = torch.tensor(plainly(given, config, order, after))
            torch.testing.assert_close(found[order, after, : after + 1], expected)
            assert found[order, after, after + 1 :].isnan().all()


def test_the_nearest_mean_knows_no_order_and_yet_forgets() -> None:
    """The trap: more classes compete, so accuracy on the first ones falls, though nothing of them is lost."""
    given = split(noise=1.0)
    stream = streams(vectors(given), given, replace(CONFIG, orders=20))
    along, once = after_each_task(RunningMeans(8), stream), at_the_end(RunningMeans(8), stream)
    torch.testing.assert_close(along[:, -1], once)
    assert measures.forgetting(along).mean() > 0.1
    told = after_each_task(RunningMeans(8), streams(vectors(given), given, replace(CONFIG, orders=20, scenario="task")))
    assert measures.forgetting(told).abs().max() == 0  # nothing new competes


def test_a_slow_softmax_forgets_less_than_nothing() -> None:
    """The other trap: what a slow learner knows of a class it knows only after further ones, which is no merit."""
    given = split(noise=0.3)
    stream = streams(vectors(given), given, replace(CONFIG, orders=20))
    slow, fast = (after_each_task(Softmax(8, rate, 0), stream) for rate in (1e-4, 1.0))
    assert measures.forgetting(slow).mean() < -0.1
    assert measures.forgetting(fast).mean() > 0.1
    assert measures.final(slow).mean() < measures.final(fast).mean()


class Same(Method):
    """Features are the inputs."""


def trained(**splits: Split) -> Trained:
    data = Data.of({"train": split(seed=5), **splits}, Vectors.of(vectors(split(seed=5))), torch.device("cpu"))
    return Trained(Same(nn.Identity(), NoOptions(), data), data)


OTHERS = tuple(f"other {number}" for number in range(6))
LARGE = tuple(f"large {number}" for number in range(6))


def test_rates_are_chosen_on_the_validation_classes_alone() -> None:
    config = replace(CONFIG, learner="softmax", learning_rates=(1e-3, 1e-1, 1.0))
    novel = split(names=OTHERS + LARGE)
    both = [trained(novel=each, validation=split(seed=3)) for each in (novel, _relabelled(novel))]
    one, other = (Continual(config).evaluate(each)["accuracy"] for each in both)
    assert one.value != other.value
    assert one.details == other.details
    scores = [
        Continual(replace(config, split="validation", orders=3, learning_rates=(rate,))).evaluate(both[0])["accuracy"]
        for rate in config.learning_rates
    ]
    best = max(range(3), key=lambda place: scores[place].value)
    assert one.details["learning_rate"] == config.learning_rates[best]
    assert ("learning_rate_at_the_edge_of_its_grid" in one.details) == (best != 1)


def test_a_rate_at_the_edge_of_its_grid_is_said() -> None:
    data = trained(novel=split(names=OTHERS + LARGE), validation=split(seed=3))
    config = replace(CONFIG, learner="softmax", learning_rates=(1e-7, 1e-6))
    assert Continual(config).evaluate(data)["accuracy"].details["learning_rate_at_the_edge_of_its_grid"] is True
    alone = Continual(replace(config, learning_rates=(1e-6,))).evaluate(data)["accuracy"].details
    assert alone == {"learning_rate": 1e-6}  # nothing was chosen


def _relabelled(given: Split) -> Split:
    return Split(given.samples, given.labels.roll(5), given.classes)


def test_metrics_are_of_orders_and_fit_each_other() -> None:
    data = trained(novel=split(names=OTHERS + LARGE, noise=1.0), validation=split(seed=3))
    config = replace(CONFIG, learner="slda", learning_rates=(0.01, 0.1))
    metrics = Continual(config).evaluate(data)
    assert list(metrics) == ["accuracy", "incremental", "forgetting", "backward transfer", "order cost"]
    assert {each.unit for each in metrics.values()} == {"order"}
    assert {each.n for each in metrics.values()} == {3}
    novel = data.data.split("novel")
    stream = streams(data.features("novel"), novel, config)
    expected = after_each_task(SLDA(8), stream)
    assert metrics["accuracy"].value == pytest.approx(measures.final(expected).mean().item())
    joint = Continual(replace(config, learner="joint")).evaluate(data)["accuracy"]
    cost = torch.from_numpy(joint.units - metrics["accuracy"].units)
    torch.testing.assert_close(torch.from_numpy(metrics["order cost"].units), cost)
    series = metrics["incremental"].series
    assert series is not None
    assert series.places.tolist() == [2, 4, 6, 8]
    assert series.values.mean() == pytest.approx(metrics["incremental"].value)
    assert series.values[:, -1] == pytest.approx(metrics["accuracy"].units)
    domains = Continual(replace(config, scenario="domain")).evaluate(data)
    assert "forward transfer" in domains


def test_a_ceiling_is_of_its_features_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed once for evaluators that differ in the learner alone."""
    novel = split(names=OTHERS + LARGE, noise=1.0)
    data, other = trained(novel=novel), trained(novel=_relabelled(novel))
    config = replace(CONFIG, learning_rates=(0.1,))
    costs = [Continual(config).evaluate(each)["order cost"].value for each in (data, other)]
    fewer = Continual(replace(config, shots=2)).evaluate(data)["order cost"].value
    assert len({*costs, fewer}) == 3
    monkeypatch.setattr(Joint, "update", lambda *_: pytest.fail("computed again"))
    assert Continual(config).evaluate(data)["order cost"].value == costs[0]
    ceiling = Continual(replace(config, learner="joint")).evaluate(data)["accuracy"].value
    assert Continual(replace(config, learner="slda")).evaluate(data)["order cost"].value < ceiling


def test_own_is_what_the_method_does_online() -> None:
    class Wrong(Same):
        def online(self, ways: int) -> RunningMeans:
            class Never(RunningMeans):
                def predict(self, features: Tensor) -> Tensor:
                    return -super().predict(features)

            return Never(ways)

    novel = split(noise=0.1, names=OTHERS + LARGE)
    config = replace(CONFIG, learner="own", learning_rates=(0.1,))
    right = trained(novel=novel)
    wrong = Trained(Wrong(nn.Identity(), NoOptions(), right.data), right.data)
    assert Continual(config).evaluate(right)["accuracy"].value == 1
    assert Continual(config).evaluate(wrong)["accuracy"].value == 0


def test_what_cannot_be_scored_is_refused_before_training() -> None:
    given = trained(novel=split(names=OTHERS + LARGE), validation=split(names=OTHERS))
    method, data = given.method, given.data
    for message, config, among in (
        ("classes of the tested split 'novel'", CONFIG, data),
        ("need 20 classes", replace(CONFIG, classes=20), data),
        ("name one in its option 'validation'", CONFIG, trained(novel=split(names=OTHERS + LARGE)).data),
    ):
        with pytest.raises(UsageError, match=message):
            Continual(config).check(method, among)
    Continual(replace(CONFIG, learning_rates=(0.1,))).check(method, data)
    for wrong in ({"classes": 7}, {"task_classes": 8}, {"task_classes": 1, "scenario": "task"}, {"shots": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            replace(CONFIG, **wrong)
