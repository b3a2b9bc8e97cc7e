"""The point robot against a plain loop over tasks, and the data set."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_metarl.environments import PointRobot, oracle_policy, rollout

from harness import UsageError


def plain_returns(sparse: bool, goal: list[float], state: list[float], actions: list[list[float]]) -> float:
    """One task, with numbers of Python."""
    total = 0.0
    for action in actions:
        state = [at + 0.1 * max(-1.0, min(1.0, way)) for at, way in zip(state, action, strict=True)]
        distance = math.dist(state, goal)
        total += (1 - distance if distance <= 0.2 else 0.0) if sparse else -distance
    return total


@pytest.mark.parametrize("sparse", [False, True])
def test_all_tasks_at_once_equal_a_loop_over_them(sparse: bool) -> None:
    environment = PointRobot(sparse, 15)
    generator = torch.Generator().manual_seed(0)
    goals, uniform = 2 * torch.rand(40, 2, generator=generator) - 1, torch.rand(40, 2, generator=generator)
    goals = goals * (0.3 if sparse else 1)  # some are reached
    actions = 3 * torch.rand(15, 40, 2, generator=generator) - 1  # some are beyond 1
    each = iter(actions)
    episode = rollout(environment, goals, uniform, lambda _: next(each))
    starts = torch.zeros(40, 2) if sparse else 2 * uniform - 1
    expected = [
        plain_returns(sparse, goals[task].tolist(), starts[task].tolist(), actions[:, task].tolist())
        for task in range(40)
    ]
    torch.testing.assert_close(episode.rewards.sum(1), torch.tensor(expected))
    assert not sparse or (episode.rewards.sum(1) > 0).any()
    torch.testing.assert_close(episode.observations[:, 0], starts)
    torch.testing.assert_close(episode.following[:, :-1], episode.observations[:, 1:])
    torch.testing.assert_close(episode.shaped, -(episode.following - goals[:, None]).norm(dim=-1))
    assert sparse or torch.equal(episode.shaped, episode.rewards)


def test_the_oracle_arrives_as_fast_as_possible() -> None:
    environment = PointRobot(False, 30)
    goals, uniform = torch.tensor([[0.55, -0.2], [-1.0, 1.0]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    returns = oracle_policy(environment, goals, uniform)
    assert returns is not None
    way = [
        [sum(math.hypot(0.55, 0.2) * (1 - k / 5.5) for k in range(1, 6))],
        [math.sqrt(8) * sum(1 - k / 20 for k in range(1, 20))],
    ]
    torch.testing.assert_close(returns, -torch.tensor(way)[:, 0])


def test_an_observation_does_not_show_the_task() -> None:
    environment = PointRobot(False, 5)
    uniform = torch.rand(2, 2)
    one, other = (environment.start(goals, uniform) for goals in torch.randn(2, 2, 2))
    assert torch.equal(environment.observe(one), environment.observe(other))


def test_goals_are_seeded_and_apart(point_robot: Any) -> None:
    one, same, other = (point_robot(seed=seed, train=80, novel=100) for seed in (0, 0, 1))
    train, novel = one.train.samples, one.split("novel").samples
    assert (train.shape, novel.shape) == ((80, 2), (100, 2))
    assert torch.equal(train, same.train.samples)
    assert not torch.equal(train, other.train.samples)
    assert torch.cdist(train, novel).min() > 0
    sparse = point_robot(reward="sparse").train.samples
    torch.testing.assert_close(sparse.norm(dim=1), torch.ones(12))
    assert (sparse[:, 1] >= 0).all()


def test_samples_of_another_kind_are_refused(point_robot: Any) -> None:
    with pytest.raises(UsageError, match=r"tasks of the point robot with dense reward are float32 \(N, 2\)"):
        point_robot().modality.check(torch.zeros(3, 3))
