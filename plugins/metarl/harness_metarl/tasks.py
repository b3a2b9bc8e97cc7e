"""The modality `task`: a sample describes an environment, and network inputs are its transitions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from harness import Data, Dataset, Modality, Samples, Split, UsageError
from harness_metarl import PointRobotConfig
from harness_metarl.environments import Environment, PointRobot, rollout


class TaskShape(NamedTuple):
    """Numbers of an observation and of an action, and steps of an episode."""

    observations: int
    actions: int
    horizon: int

    @property
    def transition(self) -> int:
        """Numbers of a transition (s, a, r)."""
        return self.observations + self.actions + 1

    def __str__(self) -> str:
        return f"tasks of {self.observations} observed numbers, {self.actions} actions and {self.horizon} steps"


@dataclass(frozen=True, eq=False)
class Tasks(Modality):
    """Tasks of one environment: float32 (N, G).

    The inputs of a network are a context: the transitions (s, a, r) of one episode (..., horizon, O + A + 1) in which
    actions and start are uniform random numbers, the same for every task. Methods that act collect their own contexts.

    Attributes:
        environment: The environment, which methods and evaluators act in.
    """

    name: ClassVar[str] = "task"
    exported_as: ClassVar[str] = "contexts: transitions (s, a, r) of episodes, float32 (N, transitions, numbers)"

    environment: Environment

    @property
    def shape(self) -> TaskShape:
        return TaskShape(self.environment.observation_dim, self.environment.action_dim, self.environment.horizon)

    def check(self, samples: Samples) -> None:
        dim = self.environment.task_dim
        if not isinstance(samples, Tensor) or samples.dtype != torch.float32 or samples.shape[1:] != (dim,):
            raise UsageError(f"tasks of the {self.environment.name} are float32 (N, {dim}).")

    def inputs(self, samples: Tensor) -> Tensor:
        flat, made = samples.reshape(-1, samples.shape[-1]), torch.Generator().manual_seed(0)
        uniform = torch.rand(1, self.environment.start_numbers, generator=made).expand(len(flat), -1)
        numbers = 2 * torch.rand(self.environment.horizon, self.environment.action_dim, generator=made) - 1
        actions = iter(numbers.to(samples.device))
        episode = rollout(
            self.environment, flat, uniform.to(samples.device), lambda seen: next(actions).expand(len(seen), -1)
        )
        return episode.transitions.unflatten(0, samples.shape[:-1])

    def fitted(self, other: Modality) -> Modality:
        super().fitted(other)
        return other


def environment_of(data: Data, who: str) -> Environment:
    """The environment of a data set of tasks.

    Args:
        data: The data set.
        who: The component that needs it, for the message.

    Returns:
        The environment.

    Raises:
        UsageError: The samples are no tasks.
    """
    if not isinstance(data.modality, Tasks):
        raise UsageError(f"{who} acts in environments, and the samples are {data.modality.name}.")
    return data.modality.environment


class PointRobotTasks(Dataset):
    """Goals of the point robot: `train` and `novel` are drawn apart."""

    config: PointRobotConfig

    def load(self) -> Mapping[str, Split]:
        generator = torch.Generator().manual_seed(self.config.seed)
        sizes = {"train": self.config.train, "novel": self.config.novel}
        return {name: Split(self.goals(number, generator)) for name, number in sizes.items()}

    def goals(self, number: int, generator: torch.Generator) -> Tensor:
        if self.config.reward == "dense":
            return 2 * torch.rand(number, 2, generator=generator) - 1
        angle = math.pi * torch.rand(number, generator=generator)
        return torch.stack([angle.cos(), angle.sin()], 1)

    def modality(self, splits: Mapping[str, Split]) -> Modality:  # noqa: ARG002 (nothing is measured)
        return Tasks(PointRobot(self.config.reward == "sparse", self.config.horizon))
