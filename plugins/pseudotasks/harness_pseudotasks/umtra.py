"""UMTRA: MAML on tasks of random images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from harness_maml.maml import MAML
from torch import Tensor, nn

from harness import Data, EpisodeBatch, Source, UsageError, Views
from harness_pseudotasks import UMTRAConfig
from harness_pseudotasks.clashes import clashes


class UMTRA(MAML):
    """N random images are the N classes of a task; augmented views of them are its queries. What learns it is MAML
    (Khodadadeh et al. 2019, arXiv:1811.11819, algorithm 1)."""

    name = "umtra"
    config: UMTRAConfig

    def __init__(self, backbone: nn.Module, config: UMTRAConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = RandomTasks(config.ways, config.shots, config.queries, config.tasks, config.augment)
        self.notes = clashes(data.train, config.ways)


@dataclass(frozen=True)
class RandomTasks:
    """`tasks` tasks of `ways` samples, all different in an epoch, whatever their classes: an EpisodeBatch of `shots`
    views of each, the first one plain, and `queries` further views. No label of the data is in it."""

    ways: int
    shots: int
    queries: int
    tasks: int
    augmentation: Any = None

    @property
    def views(self) -> Views:
        return Views(self.shots + self.queries, self.augmentation, plain=1)

    def of(self, source: Source) -> Source:
        """Where the samples of all tasks are one batch."""
        return replace(source, batch_size=self.tasks * self.ways)

    def check(self, source: Source) -> None:
        if self.tasks * self.ways > len(source.data.train):
            raise UsageError(
                f"{self.tasks} tasks of {self.ways} random samples need {self.tasks * self.ways}; the split 'train' "
                f"has {len(source.data.train)}."
            )
        if self.tasks % source.ranks:
            raise UsageError(f"{self.tasks} tasks cannot be divided evenly over {source.ranks} devices.")
        self.views.check(self.of(source))

    def samples_per_step(self, source: Source) -> int:
        return self.views.samples_per_step(self.of(source))

    def views_per_step(self, source: Source) -> int:
        return self.views.views_per_step(self.of(source))

    def steps_per_epoch(self, source: Source) -> int:
        return self.views.steps_per_epoch(self.of(source))

    def draw(self, source: Source, step: int) -> EpisodeBatch:
        views = self.views.draw(self.of(source), step)  # (V, T * W, ...), this device's tasks one after the other
        tasks = views.unflatten(1, (-1, self.ways)).transpose(0, 1)  # (T, V, W, ...)
        support, query = (part.flatten(1, 2) for part in tasks.split([self.shots, self.queries], dim=1))
        return EpisodeBatch(support, self.labels(support), query, self.labels(query))

    def labels(self, samples: Tensor) -> Tensor:
        """The place of each sample (T, V * W, ...) in its task."""
        return torch.arange(samples.shape[1], device=samples.device).remainder(self.ways).expand(len(samples), -1)
