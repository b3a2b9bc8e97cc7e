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
    method.collect()
    assert method.loss(torch.tensor([0]))["environment_steps"].item() == first * 1.5


def test_what_is_kept_after_a_training_acts_as_before(make: Any, robots: Data) -> None:
    method = make(robots)
    before = returns(method, robots)
    method.after_training()
    assert returns(method, robots) == before
    kept = {name.split(".")[0] for name in method.state_dict()}
    assert kept <= {"policy", "backbone", "head"}
