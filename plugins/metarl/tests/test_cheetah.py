"""The half-cheetah against gymnasium's own environment; where MuJoCo is not installed, what the user is told."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from harness_metarl import HalfCheetahVelConfig
from harness_metarl.cheetah import HalfCheetahVel, HalfCheetahVelTasks
from harness_metarl.environments import rollout
from harness_metarl.testing import check_environment

from harness import UsageError

installed = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("gymnasium", "mujoco"))), reason="the extra mujoco is not installed"
)


@installed
def test_a_step_is_that_of_gymnasium() -> None:
    import gymnasium

    known = gymnasium.make("HalfCheetah-v5").unwrapped
    environment, goals = HalfCheetahVel(10), torch.tensor([[0.5], [2.5]])
    generator = torch.Generator().manual_seed(0)
    uniform, actions = torch.rand(2, 18, generator=generator), 2 * torch.rand(10, 2, 6, generator=generator) - 1
    each = iter(actions)
    found = rollout(environment, goals, uniform, lambda _: next(each))
    starts = environment.start(goals, uniform).double().numpy()
    for task in range(2):
        known.reset(seed=0)
        known.set_state(starts[task, :9], starts[task, 9:])
        for step in range(10):
            seen, _, _, _, facts = known.step(actions[step, task].double().numpy())
            torch.testing.assert_close(
                found.following[task, step], torch.tensor(seen, dtype=torch.float32), rtol=1e-3, atol=1e-3
            )
            cost = 0.05 * actions[step, task].square().sum().item()
            expected = -abs(facts["x_velocity"] - goals[task].item()) - cost
            assert found.rewards[task, step].item() == pytest.approx(expected, rel=1e-3, abs=1e-3)


@installed
def test_the_half_cheetah_is_an_environment() -> None:
    check_environment(HalfCheetahVel(4), torch.linspace(0, 3, 6)[:, None])


def test_velocities_are_seeded_and_apart() -> None:
    splits = HalfCheetahVelTasks(HalfCheetahVelConfig(), Path()).load()
    train, novel = (splits[name].samples for name in ("train", "novel"))
    assert (train.shape, novel.shape) == ((100, 1), (30, 1))
    assert 0 <= train.min() <= train.max() <= 3
    assert torch.cdist(train, novel).min() > 0


def test_without_mujoco_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(
        UsageError, match=r"half_cheetah_vel needs gymnasium.*pip install 'rep-harness-metarl\[mujoco\]'"
    ):
        HalfCheetahVel(5)
