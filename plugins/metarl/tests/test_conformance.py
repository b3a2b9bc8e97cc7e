"""Everything that is registered keeps the contract; how well methods learn is tested in test_learning."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_backbone, check_dataset, check_method, check_modality

TASKS = {"data": "point_robot", "backbone": "transition_mlp"}
SMALL: dict[str, Any] = {"width": 16, "transitions": 8, "collect_every": 1, "first_episodes": 1, "replay": 200}


@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_the_point_robot_conforms(reward: str) -> None:
    check_dataset("point_robot", reward=reward)
    check_modality("point_robot", reward=reward)


def test_the_backbone_conforms() -> None:
    check_backbone("transition_mlp", data="point_robot")


def test_pearl_conforms() -> None:
    check_method("pearl", **TASKS, **SMALL, recent_episodes=3, context=8)


@pytest.mark.parametrize("goal", [False, True])
def test_sac_conforms(goal: bool) -> None:
    check_method("sac", **TASKS, **SMALL, goal=goal)


def test_rl2_conforms() -> None:
    check_method("rl2", **TASKS, width=16, episodes=2)


def test_maml_pg_conforms() -> None:
    check_method("maml_pg", **TASKS, width=16)
