"""The evaluator on methods whose returns are known, and R² against scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from harness_metarl import AdaptationConfig
from harness_metarl.adaptation import FOLDS, RIDGE, Adaptation, r2
from harness_metarl.environments import PointRobot
from harness_metarl.learner import Learner
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from harness import Data, Method, NoOptions, Trained, UsageError
from harness.testing.unchanged import network_kept, random_states_kept


class Memory(NamedTuple):
    tasks: Tensor
    known: int
    contexts: list[Tensor]


class LearnsAtOnce(Learner):
    """Stays where it is until it has seen so many episodes, and then goes to the goal."""

    def __init__(self, data: Data, after: int) -> None:
        super().__init__(nn.Identity(), NoOptions(), data)
        self.after = after
        self.seen: list[Tensor] = []

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Memory:  # noqa: ARG002 (the interface of learners)
        return Memory(tasks, 0, [])

    def act(self, observations: Tensor, memory: Memory) -> Tensor:
        if memory.known < self.after:
            return torch.zeros_like(observations)
        return PointRobot(False, 20).oracle(memory.tasks, observations)

    def learn(self, memory: Memory, context: Tensor, generator: torch.Generator) -> Memory:  # noqa: ARG002 (likewise)
        self.seen.append(context)
        return memory._replace(known=memory.known + 1)

    def belief(self, memory: Memory) -> Tensor:
        return memory.tasks.flip(1) + 1


def evaluated(method: Method, data: Data, **options: Any) -> Any:
    return Adaptation(AdaptationConfig(**options)).evaluate(Trained(method.eval(), data))


def test_returns_are_those_before_and_after_it_learned(robots: Data) -> None:
    method = LearnsAtOnce(robots, 2)
    metrics = evaluated(method, robots, episodes=4, repeats=3)
    assert list(metrics) == ["episode 1", "episode 2", "episode 3", "episode 4", "task R²"]
    still = metrics["episode 1"]
    assert still.n == 30
    assert still.unit == "task"
    assert still.higher_is_better
    assert still.shown == "plain"
    for number in (3, 4):
        told = metrics[f"episode {number}"]
        assert told.value == pytest.approx(told.details["oracle"], rel=1e-5)
        assert told.value > -7 > told.details["random policy"]
    assert metrics["episode 2"].value < -15
    assert [context.shape for context in method.seen] == [(90, 20 * number, 5) for number in (1, 2, 3, 4)]
    assert torch.equal(method.seen[2][:, :40], method.seen[1])
    assert metrics["task R²"].value > 0.99


def test_starts_and_units_are_the_same_for_every_method(robots: Data) -> None:
    one, other = LearnsAtOnce(robots, 9), LearnsAtOnce(robots, 9)
    first, same = (evaluated(method, robots) for method in (one, other))
    assert all(np.array_equal(first[name].units, same[name].units) for name in first)
    changed = evaluated(other, robots, seed=1)
    assert not np.array_equal(first["episode 1"].units, changed["episode 1"].units)
    assert not torch.equal(one.seen[0][:, 0, :2], one.seen[1][:, -20, :2])  # another start in each episode


def test_adapting_changes_nothing_of_the_method(robots: Data, pearl: Any) -> None:
    method = pearl(robots).eval()
    with network_kept(method, "evaluating"), random_states_kept("evaluating"):
        one = evaluated(method, robots)
    again = evaluated(method, robots)
    assert all(np.array_equal(one[name].units, again[name].units) for name in one)


def test_a_floor_believes_nothing(robots: Data, sac: Any) -> None:
    assert list(evaluated(sac(robots), robots, episodes=1)) == ["episode 1"]


def folds() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for part in range(FOLDS):
        held = np.arange(57) % FOLDS == part
        yield ~held, held


def test_r2_equals_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(57, 4)) * [1, 10, 0.1, 1] + 3
    targets = features[:, :2] * [1.0, 0.1] + generator.normal(size=(57, 2))
    missed, spread = [], []
    for known, held in folds():
        scaler = StandardScaler().fit(features[known])
        scale = np.sqrt((known.sum() - 1) / known.sum())  # scikit-learn divides by n, torch by n - 1
        one, other = (scaler.transform(features[rows]) * scale for rows in (known, held))
        guess = Ridge(RIDGE).fit(one, targets[known]).predict(other)
        missed.append(((targets[held] - guess) ** 2).sum())
        spread.append(((targets[held] - targets[known].mean(0)) ** 2).sum())
    value, left_out = r2(torch.tensor(features), torch.tensor(targets), torch.arange(57) % FOLDS)
    assert value == pytest.approx(1 - sum(missed) / sum(spread))
    assert 0.3 < value < 0.9
    for part in range(FOLDS):
        rest = [each for each in range(FOLDS) if each != part]
        expected = 1 - sum(missed[each] for each in rest) / sum(spread[each] for each in rest)
        assert left_out[part].item() == pytest.approx(expected)


def test_r2_of_what_tells_nothing_is_not_above_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    features, targets = (torch.randn(200, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    assert r2(features, targets, torch.arange(200) % FOLDS)[0] < 0.02


def test_what_cannot_be_scored_is_refused(robots: Data, pearl: Any, point_robot: Any) -> None:
    evaluator = Adaptation(AdaptationConfig())
    evaluator.check(pearl(robots), robots)
    with pytest.raises(UsageError, match="scores methods that act, such as pearl; Method does not"):
        evaluator.check(Method(nn.Identity(), NoOptions(), robots), robots)
    few = point_robot(novel=19)
    with pytest.raises(UsageError, match="the split 'novel' has fewer than 20 tasks"):
        evaluator.check(pearl(few), few)
