"""Test data for evaluators: pictures whose class is their brightness, and encoders whose knowledge is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast
from zlib import crc32

import torch
from torch import Tensor, nn

from harness.learning.components import Method
from harness.learning.data.images import Images
from harness.learning.data.splits import Data, Split
from harness.learning.data.streaming import Samples, at
from harness.plugins.options import NoOptions
from harness.testing.problem import image_data

CLASSES = 6
SIZES = {  # of the classes of each split; all different, so that what is mistaken for another does not fit
    "train": (40, 44, 48, 52, 36, 50),
    "test": (37, 30, 42, 35, 46, 41),
    "novel": (33, 45, 39, 51, 43, 31),
}
DESCRIBED = f"train, test and novel with {CLASSES} classes each, of 30 samples or more, and the column targets"
DOUBT = 0.6  # length of what an image has of its own, beside that of its class
CODE = 256  # width of what tells one image from another: as much as there are images in a split


def bright() -> Data:
    """Classes are ranges of brightness: the six of `train` and `test`, and as many others in `novel`. Samples are in an
    order of each split's own."""
    generator = torch.Generator().manual_seed(0)

    def split(sizes: tuple[int, ...], classes: str) -> Split:
        labels = torch.arange(CLASSES).repeat_interleave(torch.tensor(sizes))
        labels = labels[torch.randperm(len(labels), generator=generator)]
        middle = (labels.float() + 0.5) / CLASSES
        noise = 0.02 * torch.randn(len(labels), 1, 8, 8, generator=generator)
        images = ((middle[:, None, None, None] + noise).clamp(0, 1) * 255).to(torch.uint8)
        return with_targets(images, labels, tuple(classes))

    splits = {name: split(sizes, "uvwxyz" if name == "novel" else "abcdef") for name, sizes in SIZES.items()}
    return image_data(splits)


def with_targets(samples: Samples, labels: Tensor, classes: tuple[str, ...]) -> Split:
    """A split that says its labels once more as those of data whose samples have several: (N, C), 1 for the label."""
    return Split(samples, labels, classes, {"targets": nn.functional.one_hot(labels, len(classes)).float()})


def skewed(data: Data) -> tuple[Data, Tensor]:
    """The same, but that of `test` only the first class is whole, and two samples of each other are left; and which."""
    test = data.split("test")
    kept = torch.cat([members if label == 0 else members[:2] for label, members in enumerate(test.by_class)])
    fewer = with_targets(at(test.samples, kept), test.labels[kept], test.classes)
    return replace(data, splits={**data.splits, "test": fewer}), kept


def partly_relabelled(data: Data, chosen: Tensor, number: int) -> Data:
    """The same, but that the `chosen` ones (N,) of `test` have their labels among themselves in another order."""
    test = data.split("test")
    labels = test.labels.clone()
    own = labels[chosen]
    labels[chosen] = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(number))]
    return replace(data, splits={**data.splits, "test": with_targets(test.samples, labels, test.classes)})


class Encoder(Method):
    """Has dropout and batch norm, which show whether an evaluator leaves eval mode."""

    mean: Tensor
    std: Tensor

    def __init__(self, data: Data) -> None:
        super().__init__(nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)), NoOptions(), data)
        images = cast(Images, data.modality)
        self.register_buffer("mean", images.mean[:, None, None])
        self.register_buffer("std", images.std[:, None, None])

    def pixels(self, images: Tensor) -> Tensor:
        """As they were before they were normalised, in 0 .. 1."""
        return images * self.std + self.mean


class Known(Encoder):
    """Tells brightness apart, in which the classes of `bright` differ, but for `alike` neighbouring classes each: 1 is
    perfect, CLASSES is blind."""

    def __init__(self, data: Data, alike: int) -> None:
        super().__init__(data)
        self.alike = alike

    def encode(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, CLASSES + 1): what it sees of the class and, unless it is blind, a little noise."""
        seen = self.backbone(images)
        noise = (seen[:, :, 0, 0] - seen.mean((2, 3))) * (0.01 if self.alike < CLASSES else 0.0)
        number = (self.pixels(images).mean((1, 2, 3)) * CLASSES).floor().long().clamp(0, CLASSES - 1) // self.alike
        return torch.cat([nn.functional.one_hot(number, CLASSES).to(images.dtype), noise], 1)


class Graded(Encoder):
    """Features are brightness itself, as a place on a quarter of a circle: what shifts them changes predictions."""

    def encode(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, 2)."""
        angle = self.pixels(images).mean((1, 2, 3)) * (math.pi / 2)
        return torch.stack([angle.cos(), angle.sin()], 1)


class Doubtful(Encoder):
    """Sees the class, and beside it much that differs from image to image: each setting of an evaluator takes others
    for hits."""

    def encode(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, CLASSES)."""
        pixels = (self.pixels(images) * 255).round().clamp(0, 255).to(torch.uint8)
        codes = torch.stack([_code(_content(image), CLASSES) for image in pixels]).to(images)
        number = (self.pixels(images).mean((1, 2, 3)) * CLASSES).floor().long().clamp(0, CLASSES - 1)
        return nn.functional.one_hot(number, CLASSES).to(images.dtype) + DOUBT * codes


class ByHeart(Encoder):
    """Knows the class of each image of `train`, and of others only which one it is: it has learned nothing of them."""

    def __init__(self, data: Data) -> None:
        super().__init__(data)
        images = cast(Tensor, data.train.samples)
        self.classes = {_content(image): int(label) for image, label in zip(images, data.train.labels, strict=True)}

    def encode(self, images: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, CLASSES + CODE)."""
        pixels = (self.pixels(images) * 255).round().clamp(0, 255).to(torch.uint8)
        return torch.stack([self.features(_content(image)) for image in pixels]).to(images)

    def features(self, content: bytes) -> Tensor:
        """The class of a training image; of another one a random code of length about 1, which is not quite as near to
        one class as to another."""
        features = torch.zeros(CLASSES + CODE)
        if content in self.classes:
            features[self.classes[content]] = 1
        else:
            code = _code(content, len(features))
            features[:CLASSES], features[CLASSES:] = 0.01 * code[:CLASSES], code[CLASSES:] / CODE**0.5
        return features


def _code(content: bytes, length: int) -> Tensor:
    """Random numbers (length,) that are an image's own."""
    return torch.randn(length, generator=torch.Generator().manual_seed(crc32(content)))


def _content(image: Tensor) -> bytes:
    return image.cpu().numpy().tobytes()
