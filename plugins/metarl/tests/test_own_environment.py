"""The README's environment is run as it says, with fewer steps; and what `check_environment` finds."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_metarl.environments import PointRobot, Step
from harness_metarl.testing import check_environment

from tests import warm

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(\w+\.(?:py|yaml))`:\n\n```\w+\n(.*?)```", README, re.DOTALL))
TASKS = 2 * torch.rand(8, 2, generator=torch.Generator().manual_seed(0)) - 1


def test_an_environment_in_sixty_lines_is_run(tmp_path: Path) -> None:
    assert set(FILES) == {"cruise.py", "cruise_tasks.py", "suite.yaml"}
    assert sum(len(text.splitlines()) for text in FILES.values()) <= 65
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("steps: 600", "steps: 3"), encoding="utf-8")
    [command] = re.findall(r"^harness (run .*)$", README, re.MULTILINE)
    done = warm.run([*shlex.split(command), "--device", "cpu", "--workers", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 cells done" in done.stdout + done.stderr
    [one, other] = (json.loads(path.read_text())["metrics"] for path in tmp_path.glob("results/**/evaluations/*.json"))
    assert {"episode 1", "episode 2", "episode 3"} <= set(one) & set(other)
    assert one["episode 3"]["details"]["oracle"] > one["episode 3"]["details"]["random policy"] + 5


def test_the_environments_here_pass() -> None:
    for sparse in (False, True):
        check_environment(PointRobot(sparse, 20), TASKS * (0.2 if sparse else 1))
    written: dict[str, Any] = {}
    exec(FILES["cruise_tasks.py"], written)
    check_environment(written["Cruise"](), TASKS[:, :1])


def robot(**changed: Callable[..., Any]) -> PointRobot:
    return type("Changed", (PointRobot,), changed)(False, 5)


def drifting(self: PointRobot, tasks: torch.Tensor, state: torch.Tensor, action: torch.Tensor) -> Step:
    found = PointRobot.step(self, tasks, state, action)
    return found._replace(reward=found.reward - found.reward.mean())


def in_place(self: PointRobot, tasks: torch.Tensor, state: torch.Tensor, action: torch.Tensor) -> Step:
    return PointRobot.step(self, tasks, state, action.mul_(0.5))


def unclamped(self: PointRobot, tasks: torch.Tensor, state: torch.Tensor, action: torch.Tensor) -> Step:  # noqa: ARG001
    state = state + 0.1 * action
    distance = (state - tasks).norm(dim=1)
    return Step(state, -distance, -distance)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"step": drifting}, "a task depends on those beside it"),
        ({"step": in_place}, "an argument is changed in place"),
        ({"step": unclamped}, "actions beyond 1 count more"),
        ({"start": lambda _, tasks, __: tasks}, "the first observation shows the task"),
        ({"start": lambda _, tasks, __: torch.randn_like(tasks)}, "the same arguments give another episode"),
        ({"observe": lambda _, state: state.double()}, "observations are torch.float64"),
        ({"observe": lambda _, state: state[:, :1]}, r"observations are \(6, 5, 1\), not \(6, 5, 2\)"),
    ],
)
def test_what_is_wrong_is_found(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_environment(robot(**wrong), TASKS)


def test_an_environment_that_cannot_be_copied_is_found() -> None:
    """Scores while training are those of a copy of the method, and so of its environment."""
    environment = PointRobot(sparse=False, horizon=5)
    environment.simulator = torch  # type: ignore[attr-defined]  # a module, as MuJoCo is
    with pytest.raises(AssertionError, match=r"copy\.deepcopy raises TypeError: cannot pickle 'module' object"):
        check_environment(environment, TASKS)
