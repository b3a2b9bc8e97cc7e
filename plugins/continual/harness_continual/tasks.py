"""Batches of a training on a sequence of tasks, with a memory of earlier tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from harness import Source, Split, UsageError, Views

COLUMN = "task"
Pick = Callable[[int], Tensor]


class TaskBatch(NamedTuple):
    """Views of samples of the present task, and of as many of the memory; none in the first task.

    Attributes:
        views: (V, N, ...).
        labels: Classes (N,); none where the split has none.
        old: Views of samples of earlier tasks (V, N, ...), or (V, 0, ...).
        old_labels: Their classes.
        task: Number of the present task, int64 ().
    """

    views: Tensor
    labels: Tensor
    old: Tensor
    old_labels: Tensor
    task: Tensor


@dataclass(frozen=True)
class Picked(Source):
    """Draws what `pick` chooses for a step: indices into the training split, int64 (N,)."""

    pick: Pick | None = None

    def indices(self, step: int, device: torch.device | None = None) -> Tensor:
        return cast(Pick, self.pick)(step).to(device or self.device)


@dataclass(frozen=True)
class TaskStream:
    """Each task in turn, for `passes` passes over its samples; the last one goes on.

    A task is the samples of one value of the column `task`, in ascending order; without the column, of one of `tasks`
    groups of consecutive classes. The memory is a uniform sample of all samples of earlier tasks, as reservoir sampling
    keeps: those with the least of random numbers that each sample has. It depends on the seed and the task alone.
    """

    number: int
    augmentation: Any
    tasks: int
    passes: int
    memory: int

    def check(self, source: Source) -> None:
        Views(self.number, self.augmentation).check(source)
        for number, members in enumerate(self.members(source)):
            if len(members) < source.batch_size:
                raise UsageError(
                    f"task {number} has {len(members)} training samples, fewer than a batch of {source.batch_size}: "
                    "make the budget's batch_size or the number of tasks smaller."
                )

    def samples_per_step(self, source: Source) -> int:
        return (2 if self.memory else 1) * source.batch_size

    def views_per_step(self, source: Source) -> int:
        return self.number * self.samples_per_step(source)

    def steps_per_epoch(self, source: Source) -> int:
        return sum(len(members) // source.batch_size for members in self.members(source))

    def members(self, source: Source) -> list[Tensor]:
        """The samples of each task, on the CPU."""
        tasks = tasks_of(source.data.train, self.tasks).cpu()
        return [(tasks == each).nonzero().squeeze(1) for each in tasks.unique()]

    def draw(self, source: Source, step: int) -> TaskBatch:
        members = self.members(source)
        new = self._drawn(source, step, lambda each: self.present(source, members, each))
        task = self.place(source, members, step)[0]
        old = new[0][:, :0], new[1][:0]
        if task and self.memory:
            kept = self.kept(source, members, task)
            old = self._drawn(
                replace(source, seed=source.seed + 2**32), step, lambda each: replayed(source, kept, each)
            )
        return TaskBatch(*new, *old, torch.tensor(task, device=source.device))

    def _drawn(self, source: Source, step: int, pick: Pick) -> tuple[Tensor, Tensor]:
        picked = Picked(source.data, source.batch_size, source.seed, source.rank, source.ranks, pick)
        train = source.data.train
        labels = train.labels[picked.indices(step)] if train.labelled else torch.empty(0, dtype=torch.int64)
        return torch.stack(picked.views(step, self.number, self.augmentation)), labels.to(source.device)

    def place(self, source: Source, members: list[Tensor], step: int) -> tuple[int, int]:
        """The task of a step, and the number of the step in it."""
        for task, each in enumerate(members[:-1]):
            steps = self.passes * (len(each) // source.batch_size)
            if step < steps:
                return task, step
            step -= steps
        return len(members) - 1, step

    def present(self, source: Source, members: list[Tensor], step: int) -> Tensor:
        """Samples of the present task: a new permutation in each pass, less the last incomplete batch."""
        task, within = self.place(source, members, step)
        samples = members[task]
        epoch, place = divmod(within, len(samples) // source.batch_size)
        generator = source.generator(f"order of task {task}", epoch, torch.device("cpu"))
        order = torch.randperm(len(samples), generator=generator)
        return samples[order[place * source.batch_size :][: source.batch_size]]

    def kept(self, source: Source, members: list[Tensor], task: int) -> Tensor:
        """The memory in a task: at most `memory` samples of earlier ones."""
        keys = torch.rand(len(source.data.train), generator=source.generator("memory", 0, torch.device("cpu")))
        seen = torch.cat(members[:task])
        return seen[keys[seen].argsort()[: self.memory]]


def replayed(source: Source, kept: Tensor, step: int) -> Tensor:
    """Random samples of the memory, as many as a batch."""
    generator = source.generator("replayed", step, torch.device("cpu"))
    return kept[torch.randint(len(kept), (source.batch_size,), generator=generator)]


def tasks_of(split: Split, tasks: int) -> Tensor:
    """The task of each sample (N,): its column, or the group of its class."""
    if COLUMN in split.columns:
        return split.columns[COLUMN]  # when samples come is no label, as which `column` would be recorded
    if not split.labelled:
        raise UsageError(f"the split 'train' has neither a column '{COLUMN}' nor labels to make tasks of.")
    if tasks > len(split.classes):
        raise UsageError(f"{tasks} tasks cannot be made of {len(split.classes)} classes.")
    return split.labels * tasks // len(split.classes)
