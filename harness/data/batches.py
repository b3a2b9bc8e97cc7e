"""What a training step consumes. The batch of step t is a function of (seed, t), so a resumed run needs no position."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from harness.data.augmentation import Augmentation
from harness.data.episodes import EpisodeIndices, draw_episodes, require_episodes
from harness.data.splits import Data
from harness.data.transforms import augment
from harness.errors import UsageError


@dataclass(frozen=True)
class Source:
    """Where batches are drawn from: the data, the batch size of the budget, and the cell's seed."""

    data: Data
    batch_size: int
    seed: int

    @property
    def device(self) -> torch.device:
        return self.data.mean.device

    def generator(self, purpose: str, number: int, device: torch.device | None = None) -> torch.Generator:
        """Randomness that depends on the seed, the purpose and the number alone."""
        return torch.Generator(device or self.device).manual_seed(derive_seed(self.seed, purpose, number))

    @property
    def steps_per_epoch(self) -> int:
        return len(self.data.train) // self.batch_size

    def indices(self, step: int) -> Tensor:
        """The samples of step `step`: every epoch visits a fresh permutation, less the last incomplete batch."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return self._permutation(epoch)[position * self.batch_size : (position + 1) * self.batch_size]

    @cached_property
    def _permutation(self):  # type: ignore[no-untyped-def]  # lru_cache has no useful type for a closure
        @lru_cache(maxsize=1)
        def permutation(epoch: int) -> Tensor:
            cpu = torch.device("cpu")
            return torch.randperm(len(self.data.train), generator=self.generator("order", epoch, cpu)).to(self.device)

        return permutation


def derive_seed(*parts: object) -> int:
    """A seed from anything that prints stably; different parts give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


class LabelledBatch(NamedTuple):
    """`images`: float (N, C, H, W); `labels`: int64 (N,)."""

    images: Tensor
    labels: Tensor


class EpisodeBatch(NamedTuple):
    """T few-shot tasks of W classes: `support` float (T, W * shots, C, H, W), `support_labels` int64 (T, W * shots) in
    0 .. W - 1, and likewise `query` and `query_labels`."""

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor


@dataclass(frozen=True)
class Views:
    """`number` augmented views of each image of a batch: a float tensor (number, N, C, H, W). No label is in it."""

    number: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def check(self, source: Source) -> None:
        _require_batch(source)

    def images_per_step(self, source: Source) -> int:
        return source.batch_size

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def draw(self, source: Source, step: int) -> Tensor:
        pixels = source.data.pixels(source.data.train.images[source.indices(step)])
        strength = self.augmentation.over(source.data.augmentation)
        generator = source.generator("views", step)
        views = [augment(pixels, strength, generator) for _ in range(self.number)]
        return source.data.normalize(torch.stack(views))


@dataclass(frozen=True)
class Labelled:
    """A batch of images, each augmented once, with their labels: a LabelledBatch."""

    augmentation: Augmentation = field(default_factory=Augmentation)

    def check(self, source: Source) -> None:
        _require_batch(source)

    def images_per_step(self, source: Source) -> int:
        return source.batch_size

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def draw(self, source: Source, step: int) -> LabelledBatch:
        index = source.indices(step)
        pixels = source.data.pixels(source.data.train.images[index])
        strength = self.augmentation.over(source.data.augmentation)
        views = augment(pixels, strength, source.generator("views", step))
        return LabelledBatch(source.data.normalize(views), source.data.train.labels[index])


@dataclass(frozen=True)
class Episodes:
    """`tasks` few-shot tasks of the training classes: an EpisodeBatch. Not augmented, as in the papers."""

    ways: int
    shots: int
    queries: int
    tasks: int = 1

    def check(self, source: Source) -> None:
        require_episodes(source.data.train, "train", self.ways, self.shots, self.queries)

    def images_per_step(self, source: Source) -> int:  # noqa: ARG002 (the interface of all batches)
        return self.tasks * self.ways * (self.shots + self.queries)

    def steps_per_epoch(self, source: Source) -> int:
        return max(1, len(source.data.train) // self.images_per_step(source))

    def draw(self, source: Source, step: int) -> EpisodeBatch:
        generator = source.generator("episodes", step, torch.device("cpu"))
        split = source.data.train
        drawn = draw_episodes(split.by_class, self.ways, self.shots, self.queries, self.tasks, generator)
        return gather(source.data, split.images, drawn)


Batches = Views | Labelled | Episodes


def gather(data: Data, images: Tensor, drawn: EpisodeIndices) -> EpisodeBatch:
    """The normalised images of the drawn episodes, on the data's device."""
    drawn = EpisodeIndices(*(part.to(images.device) for part in drawn))
    support = data.normalize(data.pixels(images[drawn.support]))
    query = data.normalize(data.pixels(images[drawn.query]))
    return EpisodeBatch(support, drawn.support_labels, query, drawn.query_labels)


def _require_batch(source: Source) -> None:
    if source.batch_size > len(source.data.train):
        raise UsageError(
            f"the budget's batch_size is {source.batch_size}, but the split 'train' has only "
            f"{len(source.data.train)} samples."
        )
