"""A split of a data set, and a loaded data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from harness.base.errors import UsageError
from harness.learning.data.augmentation import Augmentation
from harness.learning.data.streaming import Images, picked

MEASURED_WHOLE = 2**30  # values; of larger splits, the moments are those of a sample
MEASURED = 2048  # images in that sample


class ByClass(list[Tensor]):
    """The sample indices of each class, which does not change once made."""

    def table(self, least: int) -> tuple[Tensor, Tensor]:
        """The classes of at least `least` samples: their samples (classes, most), filled up, and how many (classes,).

        Made once, not for every batch of episodes.
        """
        tables: dict[int, tuple[Tensor, Tensor]] = self.__dict__.setdefault("tables", {})
        if least not in tables:
            usable = [members for members in self if len(members) >= least]
            sizes = torch.tensor([len(members) for members in usable])
            tables[least] = pad_sequence(usable, batch_first=True), sizes
        return tables[least]


@dataclass(frozen=True)
class Split:
    """Samples with their classes. `images`: uint8 (N, C, H, W); `labels`: int64 (N,), indices into `classes`.

    `images` is a tensor, or Streamed: what does not fit in memory and is read when it is indexed.
    """

    images: Images
    labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises UsageError where shapes, types or labels do not fit together."""
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise UsageError(f"images must be uint8 (N, C, H, W), not {self.images.dtype} {tuple(self.images.shape)}.")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise UsageError(
                f"labels must be int64 ({len(self.images)},), not {self.labels.dtype} {tuple(self.labels.shape)}."
            )
        if not len(self.labels):
            raise UsageError("a split has no samples.")
        least, greatest = int(self.labels.min()), int(self.labels.max())
        if least < 0 or greatest >= len(self.classes):
            raise UsageError(f"labels must be in 0 .. {len(self.classes) - 1}, not {least} .. {greatest}.")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def by_class(self) -> ByClass:
        """Indices of the samples of each class, ascending; on the CPU, where episodes are drawn."""
        labels = self.labels.cpu()
        order = torch.argsort(labels, stable=True)
        return ByClass(order.split(torch.bincount(labels, minlength=len(self.classes)).tolist()))

    def to(self, device: torch.device) -> Split:
        return Split(self.images.to(device), self.labels.to(device), self.classes)


def require_classes(split: Split, name: str) -> None:
    """Raises UsageError if there is nothing to tell apart: whatever is learned would score 100 %."""
    if len(split.classes) < 2:
        raise UsageError(f"the split '{name}' has one class only, {split.classes[0]!r}; it takes two to tell apart.")


@dataclass(frozen=True)
class Data:
    """A loaded data set: its splits on a device, what to augment, and the training split's moments per channel.

    `train` and `test` hold the same classes and no common sample; `validation` and `novel`, where they exist, hold
    further classes, each in one split only.
    """

    splits: Mapping[str, Split]
    augmentation: Augmentation
    mean: Tensor
    std: Tensor
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        splits: Mapping[str, Split],
        augmentation: Augmentation,
        device: torch.device,
        notes: tuple[str, ...] = (),
    ) -> Data:
        """Move `splits` to `device` and measure the training split. Raises UsageError if there is none."""
        if "train" not in splits:
            raise UsageError(f"a data set needs a split 'train'; this one has {', '.join(splits) or 'none'}.")
        shapes = {split.sample_shape for split in splits.values()}
        if len(shapes) > 1:
            raise UsageError(f"all splits must have samples of one shape, not {sorted(shapes)}.")
        mean, std = _moments(splits["train"].images)
        moved = {name: split.to(device) for name, split in splits.items()}
        return cls(moved, augmentation, mean.to(device), std.to(device), notes)

    def split(self, name: str) -> Split:
        """Raises UsageError that names the splits there are."""
        if name not in self.splits:
            raise UsageError(f"the data set has no split '{name}'; it has {', '.join(self.splits)}.")
        return self.splits[name]

    @property
    def train(self) -> Split:
        return self.splits["train"]

    def pixels(self, images: Tensor) -> Tensor:
        """uint8 (..., C, H, W) -> float in [0, 1]."""
        return images.float() / 255

    def normalize(self, pixels: Tensor) -> Tensor:
        """float in [0, 1], (..., C, H, W) -> zero mean and unit variance per channel over the training split."""
        return (pixels - self.mean[:, None, None]) / self.std[:, None, None]

    def inputs(self, images: Tensor) -> Tensor:
        """uint8 (..., C, H, W) -> what a network sees: `normalize(pixels(images))` up to rounding, in a new tensor."""
        scale = (255 * self.std).reciprocal()[:, None, None]
        return images.float().mul_(scale).sub_(255 * self.mean[:, None, None] * scale)


def _moments(images: Images) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel of uint8 images, in [0, 1], from exact integer counts.

    Of more than MEASURED_WHOLE values, those of MEASURED images chosen with a fixed seed: whether images are streamed
    must not matter.
    """
    index = torch.arange(len(images))
    if images.shape.numel() > MEASURED_WHOLE:
        index = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:MEASURED].sort().values
    counts = torch.zeros(images.shape[1], 256, dtype=torch.float64)
    for part in picked(images, index.split(256)):
        counts += torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in part.unbind(1)])
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(1)
    return mean.float(), variance.sqrt().clamp_min(1e-3).float()
