"""The interface of methods that `adaptation` can score, and their batches of tasks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness import Method, Source, UsageError


class Learner(Method):
    """Base class of methods that act in environments, and adapt from episode to episode.

    A subclass implements `act`. One that adapts implements `begin`, and `learn`, which follows an episode, or
    `notice`, which follows a step. They are called in eval mode and without gradient, for N tasks at once, and draw
    random numbers from `generator` alone, a generator of the CPU.
    """

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Any:  # noqa: ARG002 (part of the contract)
        """Return what is known before the first episode.

        Args:
            tasks: The tasks (N, G). Only a method that is told the task may look at more than their number.
            generator: Source of random numbers.

        Returns:
            A memory, of any type; None by default.
        """
        return None

    def act(self, observations: Tensor, memory: Any) -> Tensor:
        """Choose actions; without noise, unless the method learns from the noise.

        Args:
            observations: Observations (N, O).
            memory: What `begin` or `learn` returned.

        Returns:
            Actions (N, A). Environments clamp them to [-1, 1].
        """
        raise NotImplementedError(f"{type(self).__name__} has no act")

    def learn(self, memory: Any, context: Tensor, generator: torch.Generator) -> Any:  # noqa: ARG002 (likewise)
        """Adapt after an episode. By default the memory stays.

        Args:
            memory: The memory so far.
            context: The transitions (s, a, r) of all episodes so far (N, C, O + A + 1).
            generator: Source of random numbers.

        Returns:
            The memory for the next episode.
        """
        return memory

    def notice(self, memory: Any, transitions: Tensor) -> Any:  # noqa: ARG002 (likewise)
        """Take notice of a step, within an episode. By default the memory stays.

        Args:
            memory: The memory so far.
            transitions: The transitions (s, a, r) of the step (N, O + A + 1).

        Returns:
            The memory for the next step.
        """
        return memory

    def belief(self, memory: Any) -> Tensor | None:  # noqa: ARG002 (likewise)
        """What the memory says of the task (N, D), such as a posterior mean; None if it has no such thing."""
        return None


class TaskBatches:
    """Batches of training tasks: indices, int64 (M,), with M the budget's batch size. What is learned of each task
    comes from the method's own replay."""

    def check(self, source: Source) -> None:
        """Raises UsageError if there are fewer tasks than in a batch."""
        number = len(source.data.train)
        if source.batch_size > number:
            raise UsageError(f"the budget's batch_size is {source.batch_size}, but there are only {number} tasks.")

    def draw(self, source: Source, step: int) -> Tensor:
        return source.indices(step)

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size
