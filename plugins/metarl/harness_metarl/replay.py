"""The replay: the latest transitions of each task, in buffers, so that a checkpoint has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness_metarl.environments import Episode
from harness_metarl.tasks import TaskShape


class Replay(nn.Module):
    """Transitions of N tasks (N, capacity, D); once full, the newest replace the oldest.

    Args:
        tasks: Number of tasks.
        capacity: Transitions that are kept of each task.
        shape: Of the tasks.
    """

    steps: Tensor
    added: Tensor

    def __init__(self, tasks: int, capacity: int, shape: TaskShape) -> None:
        super().__init__()
        self.sizes = [shape.observations, shape.actions, 1, 1, shape.observations]
        self.register_buffer("steps", torch.zeros(tasks, capacity, sum(self.sizes)))
        self.register_buffer("added", torch.zeros((), dtype=torch.int64))

    @property
    def filled(self) -> int:
        """Transitions of each task that are there."""
        return min(int(self.added), self.steps.shape[1])

    def add(self, episode: Episode) -> None:
        """Add an episode of every task."""
        rows = torch.cat([each.unflatten(1, (each.shape[1], -1)).flatten(2) for each in episode], -1)
        places = (self.added + torch.arange(rows.shape[1], device=rows.device)) % self.steps.shape[1]
        self.steps[:, places] = rows
        self.added += rows.shape[1]

    def draw(self, tasks: Tensor, number: int) -> Episode:
        """Draw transitions with replacement, by torch's global generator.

        Args:
            tasks: Which tasks, int64 (M,).
            number: Transitions of each.

        Returns:
            Transitions (M, number, ...).
        """
        chosen = torch.randint(self.filled, (len(tasks), number), device=tasks.device)
        rows = self.steps[tasks[:, None], chosen]
        observations, actions, reward, shaped, following = rows.split(self.sizes, -1)
        return Episode(observations, actions, reward[..., 0], shaped[..., 0], following)
