"""Pictures: uint8 samples, normalised by the moments of the training split and augmented in batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.data import colour
from harness.learning.data.augmentation import Augmentation, Crops
from harness.learning.data.draw import Draw
from harness.learning.data.modality import Modality
from harness.learning.data.streaming import Samples, Streamed, StreamedImages, read_batches
from harness.learning.data.transforms import augment_with, boxes

MEASURED_WHOLE = 2**30  # values; of larger splits, the moments are those of a sample
MEASURED = 2048  # images in that sample
COLOURS = {1: "grey", 3: "colour"}

Resize = int | tuple[int, int] | None


class ImageShape(NamedTuple):
    """Shape of pictures.

    Attributes:
        channels: Number of channels: 1 for grey, 3 for colour.
        height: Height in pixels.
        width: Width in pixels.
    """

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"images of {self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True)
class Preprocessing:
    """How pictures are prepared for a network with published weights: the attribute `preprocessing` of a backbone.

    Attributes:
        shape: The shape that the network takes.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel, of pixels in [0, 1].
        interpolation: Interpolation by which pictures are resized.
        resize: Size before the centre is cut out: the shorter side, or (height, width), in pixels. None: the whole
            picture is resized to `shape`.
    """

    shape: ImageShape
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    resize: Resize = None


@dataclass(frozen=True, eq=False)
class Images(Modality):
    """Pictures, uint8 (N, C, H, W). The network receives floats with zero mean and unit variance per channel.

    Mean and variance are those of the training split, unless the backbone has a `Preprocessing`.

    Attributes:
        shape: Shape of the network's inputs.
        augmentation: How random views are made.
        mean: Mean of each channel (C,), of pixels in [0, 1].
        std: Standard deviation of each channel (C,), of pixels in [0, 1].
        given: Shape of the samples, if they must be resized or change their channels; else None.
        interpolation: Interpolation by which they are resized.
        resize: Size before the centre is cut out, as in `Preprocessing`.
        foreign: Whether the samples come from another data set than the one the network was made for.
        side: Height and width of random views, in pixels; 0 if they are as large as inputs.
    """

    name: ClassVar[str] = "images"
    exported_as: ClassVar[str] = "pictures, their pixels as floats in [0, 1]"

    shape: ImageShape
    augmentation: Augmentation
    mean: Tensor  # (C,), of pixels in [0, 1]
    std: Tensor
    given: ImageShape | None = None  # of the samples, where they have to be made to fit
    interpolation: str = "bilinear"  # where they are
    resize: Resize = None  # before the centre is cut out; none: the whole picture is made to fit
    foreign: bool = False  # whether the samples are of another data set than the network was made for
    side: int = 0  # of views that have another size than inputs

    @classmethod
    def of(cls, train: Samples, augmentation: Augmentation) -> Images:
        """Measure the mean and variance of training pictures.

        Args:
            train: Samples of the training split.
            augmentation: How random views are made.

        Returns:
            The modality.

        Raises:
            UsageError: The samples are not uint8 (N, C, H, W).
        """
        if not isinstance(train, Tensor | Streamed) or train.ndim != 4 or train.dtype != torch.uint8:
            raise UsageError(f"images must be uint8 (N, C, H, W), not {_describe(train)}.")
        channels, height, width = train.shape[1:]
        return cls(ImageShape(channels, height, width), augmentation, *_moments(train))

    def check(self, samples: Samples) -> None:
        if not isinstance(samples, Tensor | Streamed) or samples.ndim != 4 or samples.dtype != torch.uint8:
            raise UsageError(f"images must be uint8 (N, C, H, W), not {_describe(samples)}.")
        if tuple(samples.shape[1:]) != (self.given or self.shape):
            raise UsageError(
                f"all splits must have images of one shape: {tuple(samples.shape[1:])} is not "
                f"{tuple(self.given or self.shape)}."
            )

    def pixels(self, images: Tensor) -> Tensor:
        """Convert samples to pixels in [0, 1], resized if necessary: uint8 (..., C, H, W) -> float (..., *shape)."""
        return self._fitted_pixels(images, self.resize)

    def _fitted_pixels(self, images: Tensor, resize: Resize) -> Tensor:
        pixels = images.to(torch.float32, copy=True).div_(255)
        if self.given is None and resize is None:
            return pixels
        return _resize(pixels, self.shape, self.interpolation, resize)

    def normalize(self, pixels: Tensor) -> Tensor:
        """Normalise pixels in [0, 1], float (..., C, H, W), by `mean` and `std`."""
        return (pixels - self.mean[:, None, None]) / self.std[:, None, None]

    def inputs(self, samples: Tensor) -> Tensor:
        """Convert samples, uint8 (..., C, H, W), to normalised inputs in a new tensor; `normalize(pixels(samples))` up
        to rounding.
        """
        if self.given is not None or self.resize is not None:
            return self.normalize(self.pixels(samples))
        scale = (255 * self.std).reciprocal()[:, None, None]
        return samples.float().mul_(scale).sub_(255 * self.mean[:, None, None] * scale)

    def exported(self, samples: Tensor) -> Tensor:
        """Convert samples, uint8 (..., C, H, W), to pixels in [0, 1], resized if necessary."""
        return self.pixels(samples)

    @property
    def normalization(self) -> tuple[Tensor, Tensor]:
        return self.mean[:, None, None], self.std[:, None, None]

    def view(self, samples: Tensor, draw: Draw) -> Tensor:
        """Make one random view of each sample: uint8 (N, C, H, W) -> normalised float (N, *shape), or (N, C, side,
        side).
        """
        resize = None if self.augmentation.crop else self.resize  # random crops are cut out of the whole picture
        pixels = augment_with(draw, self._fitted_pixels(samples, resize), self.augmentation, self.side)
        mean, std = self.normalization
        return pixels.sub_(mean).div_(std)

    def parts(self, samples: Samples, index: Tensor, draw: Draw) -> Tensor | None:
        """Draw random crops in the coordinates of the original files, if the samples can be read in parts."""
        if not self.augmentation.crop or not isinstance(samples, StreamedImages) or samples.sizes is None:
            return None
        height, width = samples.sizes[index].split(1, 1)
        return boxes(draw, self.augmentation.crop, height, width, centred=True)

    def view_of_parts(self, samples: Tensor, draw: Draw) -> Tensor:
        return replace(self, augmentation=replace(self.augmentation, crop=None)).view(samples, draw)

    @property
    def augments(self) -> bool:
        return self.augmentation != Augmentation()

    def augmented(self, changes: Any) -> Modality:
        if isinstance(changes, Crops):
            return replace(self, augmentation=changes.augmentation.over(self.augmentation), side=changes.side)
        if not isinstance(changes, Augmentation):
            return super().augmented(changes)
        return replace(self, augmentation=changes.over(self.augmentation))

    def fitted(self, other: Modality) -> Modality:
        """Resize bilinearly, repeat grey over the channels, and reduce colour to luminance."""
        if not isinstance(other, Images) or (other.shape == self.shape and self.given is None):
            return super().fitted(other)
        if other.shape.channels != self.shape.channels and {other.shape.channels, self.shape.channels} != {1, 3}:
            return super().fitted(other)
        return replace(self, given=None if other.shape == self.shape else other.shape, foreign=True)

    def prepared_for(self, backbone: nn.Module) -> Modality:
        """Resize and normalise as the backbone's `preprocessing` says, if it has one.

        Args:
            backbone: The backbone.

        Returns:
            The modality for this backbone.

        Raises:
            UsageError: The pictures have a number of channels that cannot be converted.
        """
        told: Preprocessing | None = getattr(backbone, "preprocessing", None)
        if told is None:
            return self
        mean, std = (torch.tensor(each).to(self.mean) for each in (told.mean, told.std))
        made = replace(self, mean=mean, std=std, resize=told.resize)
        made = replace(made, shape=told.shape, interpolation=told.interpolation)
        return replace(cast(Images, made.fitted(self)), foreign=False)

    @property
    def note(self) -> str:  # type: ignore[override]  # of the shapes
        if self.given is None or not self.foreign:
            return ""
        (channels, *size), (own, *needed) = self.given, self.shape
        said = []
        if size != needed:
            said.append(f"{size[0]}x{size[1]} resized to {needed[0]}x{needed[1]}")
        if channels != own:
            said.append(f"{COLOURS[channels]} to {COLOURS[own]}")
        return ", ".join(said)

    def adopt(self, backbone: nn.Module) -> torch.memory_format:
        """Choose channels_last, in which convolutions on a CPU are faster, unless the backbone has `channels_last =
        False`.
        """
        if getattr(backbone, "channels_last", True):
            return torch.channels_last
        backbone.register_forward_pre_hook(_contiguous)  # whatever the method gives it
        return torch.preserve_format

    def to(self, device: torch.device) -> Self:
        return replace(self, mean=self.mean.to(device), std=self.std.to(device))


def _contiguous(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Copy into a new layout: `contiguous()` would keep the strides of grey images, which choose the layout of later
    layers.
    """
    images, *others = given
    return images.flatten(1).unflatten(1, images.shape[1:]), *others


def _resize(pixels: Tensor, shape: ImageShape, interpolation: str, resize: Resize) -> Tensor:
    """float (..., C, H, W) in [0, 1] -> (..., *shape): the centre of the picture as `resize` says, or the whole."""
    batch = pixels.flatten(0, -4)
    if batch.shape[1] == 3 and shape.channels == 1:
        batch = colour.luminance(batch)
    if batch.shape[2:] != (sides := _sides(batch, shape, resize)):
        batch = F.interpolate(batch, sides, mode=interpolation, antialias=True)
        batch = batch.clamp_(0, 1) if interpolation == "bicubic" else batch  # which overshoots
    batch = _centre(batch, shape)
    return batch.expand(-1, shape.channels, -1, -1).reshape(*pixels.shape[:-3], *shape)


def _sides(batch: Tensor, shape: ImageShape, resize: Resize) -> tuple[int, int]:
    """Height and width that pictures (N, C, H, W) are resized to; an int is the length of the shorter side."""
    if resize is None:
        return shape.height, shape.width
    if not isinstance(resize, int):
        return resize
    height, width = batch.shape[2:]
    shorter = min(height, width)
    return resize * height // shorter, resize * width // shorter


def _centre(batch: Tensor, shape: ImageShape) -> Tensor:
    """Cut out the centre of pictures (N, C, H, W), as torchvision does; smaller pictures get a black border."""
    added = [need - have for need, have in zip(shape[1:], batch.shape[2:], strict=True)]
    top, left = (more // 2 if more > 0 else -round(-more / 2) for more in added)
    return F.pad(batch, (left, added[1] - left, top, added[0] - top)) if any(added) else batch


def _describe(samples: Samples) -> str:
    if isinstance(samples, Tensor | Streamed):
        return f"{samples.dtype} {tuple(samples.shape)}"
    return f"a {type(samples).__name__}"


def _moments(images: Tensor | Streamed) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel of uint8 images, in [0, 1], from exact integer counts.

    Of splits with more than MEASURED_WHOLE values, MEASURED images are measured, chosen with a fixed seed, so that
    streamed images give the same result as images in memory.
    """
    index = torch.arange(len(images))
    if images.shape.numel() > MEASURED_WHOLE:
        index = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:MEASURED].sort().values
    counts = torch.zeros(images.shape[1], 256, dtype=torch.float64)
    for part in read_batches(images, index.split(256)):
        counts += torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in part.unbind(1)])
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(1)
    return mean.float(), variance.sqrt().clamp_min(1e-3).float()
