"""A small problem with a known answer: stripes of six directions, and a small network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from harness.learning.data.augmentation import Augmentation
from harness.learning.data.images import Images, ImageShape
from harness.learning.data.splits import Data, Split, require_train
from harness.learning.data.streaming import at
from harness.plugins.manager import Origin
from harness.plugins.options import NoOptions
from harness.plugins.registry import Spec
from harness.suite.cell import Component

CLASSES = 6
DESCRIBED = "train has 1024 and test 512 images of 1x12x12, both of the same 6 classes"


class SmallNet(nn.Module):
    """Two convolutions with batch norm, mean over space: (N, C, H, W) -> (N, 32)."""

    feature_dim = 32

    def __init__(self, config: NoOptions, shape: ImageShape) -> None:  # noqa: ARG002 (as all backbones)
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(shape[0], 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, self.feature_dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(self.feature_dim),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).mean((2, 3))


def small_net() -> Component:
    """SmallNet as a registered backbone would be."""
    origin = Origin("testing", "rep-harness", "")
    spec = Spec("backbone", "small", f"{__name__}:SmallNet", NoOptions, origin, modality="images")
    return Component(spec, NoOptions(), "small")


def image_data(
    splits: Mapping[str, Split], augmentation: Augmentation | None = None, device: torch.device | None = None
) -> Data:
    """Splits of images as a loaded data set, by default without augmentation and on the CPU."""
    modality = Images.of(require_train(splits).samples, augmentation or Augmentation())
    return Data.of(splits, modality, device or torch.device("cpu"))


def gratings(side: int = 12) -> Data:
    """Six classes that differ in direction alone; the recommended augmentation keeps it and changes the rest."""
    generator = torch.Generator().manual_seed(0)
    splits = {"train": _stripes(1024, side, generator), "test": _stripes(512, side, generator)}
    return image_data(splits, Augmentation(translate=0.15, jitter=1.0))


def _stripes(number: int, side: int, generator: torch.Generator) -> Split:
    """Stripes in one of six directions, of random phase, contrast and brightness, under noise."""
    labels = torch.randint(CLASSES, (number,), generator=generator)
    phase, contrast, brightness = torch.rand(3, number, 1, 1, generator=generator)
    angle = labels[:, None, None] * (math.pi / CLASSES)
    along = torch.arange(side) * angle.cos() + torch.arange(side)[:, None] * angle.sin()
    waves = torch.sin(2 * math.pi * (along / 4 + phase))
    noise = torch.randn(number, side, side, generator=generator)
    pictures = 0.3 + 0.4 * brightness + (0.05 + 0.25 * contrast) * waves + 0.1 * noise
    return Split((pictures[:, None].clamp(0, 1) * 255).to(torch.uint8), labels, tuple("abcdef"))


def relabelled(data: Data) -> Data:
    """The same samples in the same order; the training labels belong to others of them."""
    train = data.train
    moved = Split(train.samples, train.labels.flip(0), train.classes, train.columns)
    return replace(data, splits={**data.splits, "train": moved})


def tested_elsewhere(data: Data) -> Data:
    """The same `train`; `test` has other samples, negatives of images or those of `train` backwards, with its labels,
    some twice and others not."""
    test, train = data.split("test"), data.train
    picked = torch.arange(len(test)).square() % len(test)
    samples = at(test.samples, picked)
    other = 255 - samples if samples.dtype == torch.uint8 else at(train.samples, len(train) - 1 - picked % len(train))
    changed = Split(other, test.labels[picked], test.classes)
    return replace(data, splits={**data.splits, "test": changed})


def scored_elsewhere(data: Data) -> Data:
    """The same `train`; the samples of every other split are some of its samples."""
    train = data.train
    others = {
        name: Split(at(train.samples, torch.arange(len(train)).flip(0)[: max(1, len(train) // 2)]))
        for name in data.splits
        if name != "train"
    }
    return replace(data, splits={**data.splits, **others})
