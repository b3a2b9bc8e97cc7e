"""Conformance checks of an environment, for the tests of its author."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from harness_metarl.environments import Environment, Episode, rollout

NUMBER = 6  # tasks that are looked at


def check_environment(environment: Environment, tasks: Tensor) -> None:
    """Check an environment: shapes, pure functions, tasks that do not depend on each other, bounded actions, and
    observations that do not show the task.

    Args:
        environment: The environment.
        tasks: At least six different tasks (N, G).

    Raises:
        AssertionError: A check failed; the message says what to change.
    """
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(NUMBER, environment.start_numbers, generator=generator)
    actions = 2 * torch.rand(environment.horizon, NUMBER, environment.action_dim, generator=generator) - 1

    def episode(
        tasks: Tensor, actions: Tensor, rows: slice = slice(None), environment: Environment = environment
    ) -> Episode:
        each, given, start = iter(actions.clone()), tasks[rows].clone(), uniform[rows].clone()
        found = rollout(environment, given, start, lambda _: next(each)[rows])
        kept = ((given, tasks[rows]), (start, uniform[rows]), (found.actions, actions.movedim(0, 1)[rows]))
        _require(all(torch.equal(*both) for both in kept), "an argument is changed in place: return new tensors")
        return found

    tasks = tasks[:NUMBER]
    found = episode(tasks, actions)
    _check_shapes(environment, found)
    _require(_same(found, episode(tasks, actions)), "the same arguments give another episode: draw and keep nothing")
    _require(_same(found, episode(tasks, actions, environment=_copied(environment))), "a copy gives another episode")
    apart = [episode(tasks, actions, slice(row, row + 1)) for row in range(NUMBER)]
    alone = Episode(*(torch.cat(each) for each in zip(*apart, strict=True)))
    _require(_same(found, alone), "a task depends on those beside it: compute each row alone")
    turned = episode(tasks.flip(0), actions)
    first, other = (each.observations[:, 0] for each in (found, turned))
    _require(torch.equal(first, other), "the first observation shows the task: leave it out of `observe`")
    _require(not torch.equal(found.shaped, turned.shaped), "rewards do not depend on the task")
    still = episode(tasks, torch.zeros_like(actions))
    _require(not torch.equal(found.following, still.following), "actions change nothing")
    edge, beyond = (episode(tasks, size * actions.sign()) for size in (1, 5))
    parts = zip(edge._replace(actions=edge.rewards), beyond._replace(actions=beyond.rewards), strict=True)
    _require(all(torch.allclose(*both) for both in parts), "actions beyond 1 count more: clamp them to [-1, 1]")


def _check_shapes(environment: Environment, found: Episode) -> None:
    leading = (NUMBER, environment.horizon)
    wide = (environment.observation_dim, environment.action_dim, None, None, environment.observation_dim)
    for name, part, width in zip(Episode._fields, found, wide, strict=True):
        expected = leading if width is None else (*leading, width)
        _require(part.shape == expected, f"{name} are {tuple(part.shape)}, not {expected}: give a row for each task")
        _require(part.dtype == torch.float32, f"{name} are {part.dtype}, not torch.float32")
        _require(bool(part.isfinite().all()), f"{name} are not finite")


def _copied(environment: Environment) -> Environment:
    try:
        return copy.deepcopy(environment)
    except Exception as error:
        raise AssertionError(
            f"copy.deepcopy raises {type(error).__name__}: {error}. Methods are copied with their environments: give "
            "this one a __reduce__ or __deepcopy__ that makes a simulator of its own"
        ) from error


def _same(one: Episode, other: Episode) -> bool:
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(one, other, strict=True))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
