"""That methods learn, more than at a rate near zero; that a resumed training equals an uninterrupted one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from harness_metarl import AdaptationConfig
from harness_metarl.adaptation import Adaptation

from harness import Data, Method, Trained
from harness.base.checkpoint_interval import Interval

STEPS = 200
FEW: dict[str, Any] = {
    "width": 32,
    "transitions": 64,
    "discount": 0.9,
    "collect_every": 20,
    "replay": 1000,
    "first_episodes": 5,
}


def returns(method: Method, data: Data) -> list[float]:
    metrics = Adaptation(AdaptationConfig(episodes=3)).evaluate(Trained(method.eval(), data))
    return [metrics[f"episode {number}"].value for number in (1, 2, 3)]


@pytest.fixture(params=["pearl", "sac"])
def make(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


class StoppedError(Exception):
    """What ends a training in its middle."""


def test_a_resumed_training_equals_an_uninterrupted_one(make: Any, robots: Data, trained: Any, tmp_path: Path) -> None:
    """Weights, replay and its positions, bit for bit; episodes are collected on both sides of the break."""
    whole = trained(make(robots), robots, 9)
    checkpoint = tmp_path / "checkpoint.pt"

    stopped = make(robots)
    after_step = stopped.after_step

    def stop(step: int, steps: int) -> None:
        if step == 6:
            raise StoppedError
        after_step(step, steps)

    stopped.after_step = stop
    every = Interval(steps=5)
    with pytest.raises(StoppedError):
        trained(stopped, robots, 9, checkpoint=checkpoint, every=every)
    resumed = make(robots, seed=1)
    trained(resumed, robots, 9, checkpoint=checkpoint, every=every)
    assert int(whole.replay.added) > int(make(robots).replay.added)
    state = whole.state_dict()
    assert {"replay.steps", "replay.added"} <= set(state)
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_environment_steps_are_counted(make: Any, robots: Data) -> None:
    method = make(robots)
    first = method.loss(torch.tensor([0]))["environment_steps"].item()
    assert first == (4 if hasattr(method, "recent") else 2) * 12 * 20  # two collections of one or two episodes
    assert method.counted() == {"environment steps": first}
    method.collect()
    assert method.loss(torch.tensor([0]))["environment_steps"].item() == first * 1.5
    assert method.counted() == {"environment steps": first * 1.5}


def test_what_is_kept_after_a_training_acts_as_before(make: Any, robots: Data) -> None:
    method = make(robots)
    before = returns(method, robots)
    method.after_training()
    assert returns(method, robots) == before
    kept = {name.split(".")[0] for name in method.state_dict()}
    assert kept <= {"policy", "backbone", "head"}


def gains(method: Any, still: Any, trained: Any, data: Data) -> list[float]:
    """By how much a short training raises the return of each episode, over as long a one at a rate near zero."""
    after, before = (returns(trained(each, data, STEPS, lr=lr), data) for each, lr in ((method, 3e-3), (still, 1e-8)))
    return [one - other for one, other in zip(after, before, strict=True)]


def test_pearl_learns_to_adapt(pearl: Any, trained: Any, point_robot: Any) -> None:
    """Returns in new tasks rise, and more so after an episode than before the first."""
    data = point_robot(train=60, novel=60)
    one, other = (pearl(data, **FEW, context=20) for _ in range(2))
    first, _, last = gains(one, other, trained, data)
    assert last > 3
    assert last > first + 1.5


def test_sac_learns_what_it_is_told(sac: Any, trained: Any, point_robot: Any) -> None:
    """Told the goal, it learns to go there."""
    data = point_robot(train=60, novel=60)
    one, other = (sac(data, **FEW, goal=True) for _ in range(2))
    assert min(gains(one, other, trained, data)) > 6
