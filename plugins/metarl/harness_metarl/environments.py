"""Environments: the tasks of meta-reinforcement learning, as pure functions of tensors over many tasks at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Act = Callable[[Tensor], Tensor]
"""A policy: observations (N, O) to actions (N, A) in [-1, 1]."""


class Step(NamedTuple):
    """What one step of N tasks gives.

    Attributes:
        state: The next states (N, S).
        reward: What an agent observes and is scored by (N,).
        shaped: The reward that off-policy learning uses (N,). It is `reward`, unless that is sparse.
    """

    state: Tensor
    reward: Tensor
    shaped: Tensor


class Environment(Protocol):
    """A family of tasks. All methods are pure functions: N tasks at once, on the device of their arguments.

    Attributes:
        name: A description for messages.
        task_dim: Numbers G that describe a task, such as the coordinates of a goal.
        observation_dim: Numbers O of an observation.
        action_dim: Numbers A of an action.
        horizon: Steps of an episode.
        start_numbers: Uniform random numbers R that a start is made of.
    """

    name: str
    task_dim: int
    observation_dim: int
    action_dim: int
    horizon: int
    start_numbers: int

    def start(self, tasks: Tensor, uniform: Tensor) -> Tensor:
        """First states (N, S) of tasks (N, G), made of numbers (N, R) in [0, 1)."""

    def observe(self, state: Tensor) -> Tensor:
        """Observations (N, O) of states. They do not show the task."""

    def step(self, tasks: Tensor, state: Tensor, action: Tensor) -> Step:
        """The step that actions (N, A) in [-1, 1] take."""

    def oracle(self, tasks: Tensor, state: Tensor) -> Tensor | None:
        """Actions (N, A) of a policy that knows the task, as an upper bound; None if there is none."""


class Episode(NamedTuple):
    """Steps of N tasks: T steps of one episode, or T drawn from several."""

    observations: Tensor  # (N, T, O)
    actions: Tensor  # (N, T, A)
    rewards: Tensor  # (N, T)
    shaped: Tensor  # (N, T)
    following: Tensor  # the next observations (N, T, O)

    @property
    def transitions(self) -> Tensor:
        """(s, a, r), (N, T, O + A + 1)."""
        return torch.cat([self.observations, self.actions, self.rewards[..., None]], -1)


def rollout(
    environment: Environment,
    tasks: Tensor,
    uniform: Tensor,
    act: Act,
    notice: Callable[[Tensor], None] | None = None,
) -> Episode:
    """One episode of each task.

    Args:
        environment: The environment.
        tasks: Tasks (N, G).
        uniform: Numbers (N, R) in [0, 1) that the starts are made of.
        act: The policy.
        notice: Called after each step with its transitions (s, a, r), (N, O + A + 1).

    Returns:
        The episodes (N, horizon, ...).
    """
    state, steps = environment.start(tasks, uniform), []
    for _ in range(environment.horizon):
        observation = environment.observe(state)
        action = act(observation)
        state, reward, shaped = environment.step(tasks, state, action)
        if notice is not None:
            notice(torch.cat([observation, action, reward[:, None]], -1))
        steps.append((observation, action, reward, shaped, environment.observe(state)))
    return Episode(*(torch.stack(each, 1) for each in zip(*steps, strict=True)))


def oracle_policy(environment: Environment, tasks: Tensor, uniform: Tensor) -> Tensor | None:
    """Returns (N,) of the policy that knows the task; None if the environment has none."""
    state = environment.start(tasks, uniform)
    total = torch.zeros(len(tasks), device=tasks.device)
    for _ in range(environment.horizon):
        action = environment.oracle(tasks, state)
        if action is None:
            return None
        state, reward, _ = environment.step(tasks, state, action)
        total = total + reward
    return total


class PointRobot:
    """A point on a plane that is to reach a goal it does not see, as in the code of Rakelly et al. 2019.

    Dense: starts and goals are uniform in [-1, 1]², and the reward is the negative distance to the goal. Sparse: it
    starts at the origin, goals are on the upper half of the unit circle, and the reward is 1 minus the distance within
    `radius` of the goal and 0 elsewhere. As in the authors' code, off-policy learning uses the dense reward of sparse
    tasks; contexts and scores have the sparse one. A step moves by at most `reach` in each coordinate.
    """

    task_dim = observation_dim = action_dim = start_numbers = 2
    reach = 0.1
    radius = 0.2

    def __init__(self, sparse: bool, horizon: int) -> None:
        self.sparse, self.horizon = sparse, horizon
        self.name = f"point robot with {'sparse' if sparse else 'dense'} reward"

    def start(self, tasks: Tensor, uniform: Tensor) -> Tensor:
        return torch.zeros_like(tasks) if self.sparse else 2 * uniform - 1

    def observe(self, state: Tensor) -> Tensor:
        return state

    def step(self, tasks: Tensor, state: Tensor, action: Tensor) -> Step:
        state = state + self.reach * action.clamp(-1, 1)
        distance = (state - tasks).norm(dim=-1)
        reward = torch.where(distance <= self.radius, 1 - distance, 0.0) if self.sparse else -distance
        return Step(state, reward, -distance)

    def oracle(self, tasks: Tensor, state: Tensor) -> Tensor:
        """Straight to the goal, at full speed until it is near."""
        way = (tasks - state) / self.reach
        return way / way.abs().amax(-1, keepdim=True).clamp_min(1)
