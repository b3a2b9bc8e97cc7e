"""What a training step consumes. The batch of step t is a function of (seed, t), so a resumed run needs no position."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.data.draw import Draw
from harness.learning.data.episodes import EpisodeIndices, draw_episodes, require_episodes
from harness.learning.data.splits import Data, require_classes
from harness.learning.data.streaming import AHEAD, Samples, Streamed, at, on, read_ahead


@dataclass(frozen=True)
class Source:
    """Where batches are drawn from: the data, the batch size of the budget, and the cell's seed.

    Of `ranks` processes that train together, this is number `rank`: it draws its part of the batch that one process
    would draw alone.
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
        """Randomness that depends on the seed, the purpose and the number alone."""
        return torch.Generator(device or self.device).manual_seed(derive_seed(self.seed, purpose, number))

    @property
    def steps_per_epoch(self) -> int:
        return len(self.data.train) // self.batch_size

    def own(self, number: int) -> slice:
        """This rank's part of `number` things that are divided over the ranks."""
        length = number // self.ranks
        return slice(self.rank * length, (self.rank + 1) * length)

    def indices(self, step: int, device: torch.device | None = None) -> Tensor:
        """This rank's samples of a step: every epoch visits a fresh permutation, less the last incomplete batch."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = _permutation(len(self.data.train), derive_seed(self.seed, "order", epoch), device or self.device)
        return order[position * self.batch_size : (position + 1) * self.batch_size][self.own(self.batch_size)]

    def samples(self, step: int) -> Tensor:
        """The samples at `indices`, as the split has them: (N, ...)."""
        samples = self.data.train.samples
        where = on(samples)
        read_ahead(samples, (self.indices(each, where) for each in _from(step)))
        return at(samples, self.indices(step, where))

    def views(self, step: int, number: int, changes: Any, plain: int = 0) -> list[Tensor]:
        """The samples at `indices` as they are, `plain` times, then `number` random views of each, as a network sees
        them: (N, ...) each. The random views are the same whatever `plain` is.

        Streamed samples may be read in parts, one for each random view: the modality says which.
        """
        modality, samples = self.data.modality.augmented(changes), self.data.train.samples
        where, own = on(samples), self.own(self.batch_size)

        def shown(step: int) -> Tensor | None:
            if not isinstance(samples, Streamed):
                return None
            draw = Draw(self.batch_size, self.generator("parts", step, where), own)
            return modality.shown(samples, self.indices(step, where), draw, number)

        if isinstance(samples, Streamed):
            for each in _from(step):
                parts = shown(each)
                samples.prefetch(self.indices(each, where), parts)
                if plain and parts is not None:
                    samples.prefetch(self.indices(each, where))
        # one draw for all views: each goes on where the last one ended
        draw = Draw(self.batch_size, self.generator("views", step), own)
        return modality.views(samples, self.indices(step, where), draw, number, shown(step), plain)


@runtime_checkable
class Batches(Protocol):
    """What the steps of a training consume. `Views`, `Labelled` and `Episodes` are bundled; a method may bring its own.

    The batch of a step depends on the source's seed and the step alone, so that a training that goes on from a
    checkpoint sees what it would have seen: draw randomness from `Source.generator`. Of several devices, each draws
    its own part (`Source.own`) of the batch that one would draw.

    Where a batch holds several views of a sample, `views_per_step(source)` says how many inputs of a network it has;
    without it they are as many as samples.
    """

    def check(self, source: Source) -> None:
        """Raises UsageError if such batches cannot be drawn from this data, with this batch size, on these devices."""

    def draw(self, source: Source, step: int) -> Any:
        """The batch that the method's `loss` is given."""

    def steps_per_epoch(self, source: Source) -> int:
        """How many steps an epoch of a budget has."""

    def samples_per_step(self, source: Source) -> int:
        """How many samples of the data all devices together see in a step, for the records."""


def views_per_step(batches: Batches, source: Source) -> int:
    """How many inputs of a network all devices together have in the batches of a step, for the records."""
    counted: Callable[[Source], int] = getattr(batches, "views_per_step", batches.samples_per_step)
    return counted(source)


@lru_cache(maxsize=4)  # of this epoch and of the next, whose first batches are read ahead; on the CPU and on a device
def _permutation(number: int, seed: int, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return _permutation(number, seed, torch.device("cpu")).to(device)
    return torch.randperm(number, generator=torch.Generator().manual_seed(seed))


def _from(step: int) -> range:
    """The steps whose samples are needed now or soon."""
    return range(step, step + 1 + AHEAD)


def derive_seed(*parts: object) -> int:
    """A seed from anything that prints stably; different parts give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


class LabelledBatch(NamedTuple):
    """`inputs`: what a network sees of the samples, (N, ...); `labels`: int64 (N,)."""

    inputs: Tensor
    labels: Tensor


class EpisodeBatch(NamedTuple):
    """T few-shot tasks of W classes: `support` (T, W * shots, ...), what a network sees; `support_labels` int64
    (T, W * shots) in 0 .. W - 1; and likewise `query` and `query_labels`, which are shuffled."""

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor


@dataclass(frozen=True)
class Views:
    """`number` views of each sample of a batch, as a network sees them: (number, N, ...). No label is in it.

    augmentation: changes to how the data set's views are made, such as `harness.Augmentation`; none by default.
    plain: so many views, the first ones, are the samples as they are; the others are random, and the same whatever
    `plain` is: those of Views(3, plain=1) are those of Views(2).
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
    """A batch of samples, a random view of each, with their labels: a LabelledBatch."""

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
    """`tasks` few-shot tasks of the training classes: an EpisodeBatch. Not augmented, as in the papers.

    `divided`: what each of several devices gets a part of, the tasks or the classes of every task; labels are the same.
    """

    ways: int
    shots: int
    queries: int
    tasks: int = 1
    divided: Literal["tasks", "classes"] = "tasks"

    def check(self, source: Source) -> None:
        if self.divided == "tasks":
            _require_parts(source, self.tasks, f"{self.tasks} tasks")
        else:
            _require_parts(source, self.ways, f"{self.ways} classes of a task")
        require_episodes(source.data.train, "train", self.ways, self.shots, self.queries)

    def samples_per_step(self, source: Source) -> int:  # noqa: ARG002 (the interface of all batches)
        return self.tasks * self.ways * (self.shots + self.queries)

    def steps_per_epoch(self, source: Source) -> int:
        return max(1, len(source.data.train) // self.samples_per_step(source))

    def indices(self, source: Source, step: int) -> EpisodeIndices:
        generator = source.generator("episodes", step, torch.device("cpu"))
        by_class = source.data.train.by_class
        drawn = draw_episodes(by_class, self.ways, self.shots, self.queries, self.tasks, generator)
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
    """What a network sees of the samples of the drawn episodes, on the data's device."""
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
            f"{len(source.data.train)} samples."
        )
    _require_parts(source, source.batch_size, f"a batch of {source.batch_size}")


def _require_parts(source: Source, number: int, what: str) -> None:
    if number % source.ranks:
        raise UsageError(f"{what} cannot be divided evenly over {source.ranks} devices.")
