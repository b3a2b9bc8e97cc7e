"""Batches: what a training step consumes.

The batch of step t depends on the seed and t alone, so that a training can continue from a checkpoint at any step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.learning.data.draw import Draw
from harness.learning.data.episodes import EpisodeIndices, draw_within, groups_of, require_episodes
from harness.learning.data.splits import Data, require_classes
from harness.learning.data.streaming import AHEAD, Samples, Streamed, at, on, read_ahead


@dataclass(frozen=True)
class Source:
    """Draws samples for batches: the data, the batch size of the budget, and the seed of the cell.

    If several processes train together, each of them draws its own part of the batch that one process would draw.

    Attributes:
        data: The data set.
        batch_size: Number of samples of a whole batch, over all ranks.
        seed: Seed of the cell.
        rank: Number of this process, from 0.
        ranks: Number of processes that train together.
    """

    data: Data
    batch_size: int
    seed: int
    rank: int = 0
    ranks: int = 1

    @property
    def device(self) -> torch.device:
        return self.data.device

    def generator(self, purpose: str, number: int, device: torch.device | None = None) -> torch.Generator:
        """Make a generator of random numbers for one purpose at one step.

        Args:
            purpose: A name for what is drawn; different purposes give independent numbers.
            number: Mostly the number of the step.
            device: Device of the generator; that of the data by default.

        Returns:
            A generator whose numbers depend on the seed, `purpose` and `number` alone.
        """
        return torch.Generator(device or self.device).manual_seed(derive_seed(self.seed, purpose, number))

    @property
    def steps_per_epoch(self) -> int:
        return len(self.data.train) // self.batch_size

    def own(self, number: int) -> slice:
        """Select this rank's part of things that are divided over the ranks.

        Args:
            number: How many things there are, a multiple of `ranks`.

        Returns:
            The part of this rank.
        """
        length = number // self.ranks
        return slice(self.rank * length, (self.rank + 1) * length)

    def indices(self, step: int, device: torch.device | None = None) -> Tensor:
        """Choose the samples of a step. Every epoch visits a new permutation and leaves out the last incomplete batch.

        Args:
            step: Number of the step, from 0.
            device: Device of the result; that of the data by default.

        Returns:
            Indices into the training split, int64 (N,), with N = batch_size / ranks.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        order = _permutation(len(self.data.train), derive_seed(self.seed, "order", epoch), device or self.device)
        return order[position * self.batch_size : (position + 1) * self.batch_size][self.own(self.batch_size)]

    def samples(self, step: int) -> Tensor:
        """Return the samples of a step as the split holds them.

        Args:
            step: Number of the step, from 0.

        Returns:
            Samples (N, ...).
        """
        samples = self.data.train.samples
        where = on(samples)
        read_ahead(samples, (self.indices(each, where) for each in _from(step)))
        return at(samples, self.indices(step, where))

    def views(self, step: int, number: int, changes: Any, plain: int = 0, name: str = "") -> list[Tensor]:
        """Return inputs and random views of the samples of a step.

        Of streamed samples, the modality may read only the parts that the random views show.

        Args:
            step: Number of the step, from 0.
            number: Number of random views of each sample. They are the same whatever `plain` is.
            changes: Changes to how the data set's views are made, such as an `Augmentation`; None for no changes.
            plain: Number of copies of the samples without augmentation, which come first.
            name: Name of these views, where a batch has others of the same samples as well: views of different names
                are drawn independently.

        Returns:
            `plain` + `number` tensors (N, ...), as a network receives them.

        Raises:
            UsageError: `changes` is not for this modality.
        """
        modality, samples = self.data.modality.augmented(changes), self.data.train.samples
        where, own = on(samples), self.own(self.batch_size)

        def shown(step: int) -> Tensor | None:
            if not isinstance(samples, Streamed):
                return None
            draw = Draw(self.batch_size, self.generator(f"{name} parts".strip(), step, where), own)
            return modality.shown(samples, self.indices(step, where), draw, number)

        if isinstance(samples, Streamed):
            for each in _from(step):
                parts = shown(each)
                samples.prefetch(self.indices(each, where), parts)
                if plain and parts is not None:
                    samples.prefetch(self.indices(each, where))
        # one draw for all views: each goes on where the last one ended
        draw = Draw(self.batch_size, self.generator(f"{name} views".strip(), step), own)
        return modality.views(samples, self.indices(step, where), draw, number, shown(step), plain)


@runtime_checkable
class Batches(Protocol):
    """What the steps of a training consume. `Views`, `Labelled` and `Episodes` are bundled; a method may bring its own.

    The batch of a step must depend on the seed of the source and the step alone: draw random numbers from
    `Source.generator`. On several devices, each draws its own part (`Source.own`) of the whole batch.

    If a batch holds several views of a sample, add `views_per_step(source)`, the number of inputs of a network in a
    step; without it, `samples_per_step` is taken.
    """

    def check(self, source: Source) -> None:
        """Check that such batches can be drawn.

        Args:
            source: The data, the batch size and the number of devices.

        Raises:
            UsageError: They cannot, for example because the split has too few samples.
        """

    def draw(self, source: Source, step: int) -> Any:
        """Draw the batch of a step.

        Args:
            source: The data, the batch size, the seed and this rank.
            step: Number of the step, from 0.

        Returns:
            The argument of the method's `loss`.
        """

    def steps_per_epoch(self, source: Source) -> int:
        """Return the number of steps in an epoch of a budget.

        Args:
            source: The data and the batch size.

        Returns:
            The number of steps, at least 1.
        """

    def samples_per_step(self, source: Source) -> int:
        """Return how many samples of the data all devices together see in a step, for the record.

        Args:
            source: The data and the batch size.

        Returns:
            The number of samples.
        """


def views_per_step(batches: Batches, source: Source) -> int:
    """How many inputs of a network all devices together have in a step, for the record."""
    counted: Callable[[Source], int] = getattr(batches, "views_per_step", batches.samples_per_step)
    return counted(source)


@lru_cache(maxsize=4)  # of this epoch and of the next, whose first batches are read ahead; on the CPU and on a device
def _permutation(number: int, seed: int, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return _permutation(number, seed, torch.device("cpu")).to(device)
    return torch.randperm(number, generator=torch.Generator().manual_seed(seed))


def _from(step: int) -> range:
    """The step and those after it whose samples are read ahead."""
    return range(step, step + 1 + AHEAD)


def derive_seed(*parts: object) -> int:
    """A seed from values whose `repr` is stable; different values give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


class LabelledBatch(NamedTuple):
    """Inputs of a network with their classes.

    Attributes:
        inputs: One view of each sample (N, ...).
        labels: Classes, int64 (N,).
    """

    inputs: Tensor
    labels: Tensor


class EpisodeBatch(NamedTuple):
    """T few-shot tasks of W classes each.

    Attributes:
        support: Inputs of the support sets (T, W * shots, ...), class by class.
        support_labels: Their classes, int64 (T, W * shots) in 0 .. W - 1.
        query: Inputs of the query sets (T, W * queries, ...), shuffled.
        query_labels: Their classes, int64 (T, W * queries).
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor


@dataclass(frozen=True)
class Views:
    """Batches of several views of each sample, without labels: a tensor (number, N, ...).

    Attributes:
        number: Views of each sample, the plain ones included.
        augmentation: Changes to how the data set's views are made, such as an `Augmentation`; none by default.
        plain: How many views, the first ones, are the samples without augmentation. The random views do not depend on
            it: those of Views(3, plain=1) are those of Views(2).
    """

    number: int = 2
    augmentation: Any = None
    plain: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.plain <= self.number:
            raise ValueError(f"plain must be between 0 and the number of views, {self.number}, not {self.plain}")

    def check(self, source: Source) -> None:
        _require_batch(source)
        source.data.modality.augmented(self.augmentation)

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size

    def views_per_step(self, source: Source) -> int:
        return self.number * source.batch_size

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def draw(self, source: Source, step: int) -> Tensor:
        return torch.stack(source.views(step, self.number - self.plain, self.augmentation, self.plain))


@dataclass(frozen=True)
class Labelled:
    """Batches of one random view of each sample with its class: a `LabelledBatch`.

    Attributes:
        augmentation: Changes to how the data set's views are made, such as an `Augmentation`; none by default.
    """

    augmentation: Any = None

    def check(self, source: Source) -> None:
        _require_batch(source)
        require_classes(source.data.train, "train")
        source.data.modality.augmented(self.augmentation)

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def draw(self, source: Source, step: int) -> LabelledBatch:
        (view,) = source.views(step, 1, self.augmentation)
        return LabelledBatch(view, source.data.train.labels[source.indices(step)])


@dataclass(frozen=True)
class Episodes:
    """Batches of few-shot tasks of the training classes: an `EpisodeBatch`. Samples are not augmented, as in the
    papers.

    Attributes:
        ways: Classes of each task.
        shots: Support samples of each class.
        queries: Query samples of each class.
        tasks: Tasks in a batch.
        divided: What several devices share: the "tasks", or the "classes" of each task.
        within: Column of categories, such as "domain": the classes of a task are of one of them, drawn uniformly. None
            for tasks of all classes.
        only: The one category that tasks are drawn from; None for all.
    """

    ways: int
    shots: int
    queries: int
    tasks: int = 1
    divided: Literal["tasks", "classes"] = "tasks"
    within: str | None = None
    only: str | None = None

    def check(self, source: Source) -> None:
        if self.divided == "tasks":
            _require_parts(source, self.tasks, f"{self.tasks} tasks")
        else:
            _require_parts(source, self.ways, f"{self.ways} classes of a task")
        require_episodes(source.data.train, "train", self.ways, self.shots, self.queries, self.within, self.only)

    def samples_per_step(self, source: Source) -> int:  # noqa: ARG002 (the interface of all batches)
        return self.tasks * self.ways * (self.shots + self.queries)

    def steps_per_epoch(self, source: Source) -> int:
        return max(1, len(source.data.train) // self.samples_per_step(source))

    def indices(self, source: Source, step: int) -> EpisodeIndices:
        generator = source.generator("episodes", step, torch.device("cpu"))
        groups = list(groups_of(source.data.train, self.within, self.only).values())
        drawn = draw_within(groups, self.ways, self.shots, self.queries, self.tasks, generator)
        if source.ranks == 1:
            return drawn
        if self.divided == "tasks":
            return EpisodeIndices(*(part[source.own(self.tasks)] for part in drawn))
        return drawn.of_classes(source.own(self.ways))

    def draw(self, source: Source, step: int) -> EpisodeBatch:
        samples = source.data.train.samples
        read_ahead(samples, (self.indices(source, each).samples for each in _from(step)))
        return gather_episodes(source.data, samples, self.indices(source, step))


def gather_episodes(data: Data, samples: Samples, drawn: EpisodeIndices) -> EpisodeBatch:
    """Collect the samples of drawn episodes.

    Args:
        data: The data set, whose modality prepares the samples.
        samples: The samples of the split that the indices are for.
        drawn: Indices of E episodes.

    Returns:
        The inputs and labels of the episodes, on the data's device.
    """
    inputs = data.inputs(at(samples, drawn.samples.to(on(samples), non_blocking=True)))
    support, query = inputs.split([drawn.support.shape[1], drawn.query.shape[1]], dim=1)
    support_labels, query_labels = (
        labels.to(data.device, non_blocking=True) for labels in (drawn.support_labels, drawn.query_labels)
    )
    return EpisodeBatch(support, support_labels, query, query_labels)


def _require_batch(source: Source) -> None:
    if source.batch_size > len(source.data.train):
        raise UsageError(
            f"the budget's batch_size is {source.batch_size}, but the split 'train' has only "
            f"{quantity(len(source.data.train), 'sample')}."
        )
    _require_parts(source, source.batch_size, f"a batch of {source.batch_size}")


def _require_parts(source: Source, number: int, what: str) -> None:
    if number % source.ranks:
        raise UsageError(f"{what} cannot be divided evenly over {source.ranks} devices.")
