"""What tests of the detector share: pictures of squares, a random encoder, options of a small detector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from harness_detection import DetectionConfig
from harness_detection.boxes import Objects, columns

from harness import Augmentation, Data, Images, ImageShape, Method, NoOptions, Split

SIDE = 32


def squares(number: int, seed: int, most: int = 2) -> Split:
    """Bright squares of class 0 and dark ones of class 1 on grey, up to `most` in a picture; every fourth is empty."""
    generator = np.random.default_rng(seed)
    pictures, found = [], []
    for place in range(number):
        picture = generator.normal(128, 8, (SIDE, SIDE))
        boxes, labels = [], []
        for corner in range(0 if place % 4 == 3 else int(generator.integers(1, most, endpoint=True))):
            size, label = int(generator.integers(8, 13)), int(generator.integers(2))
            x, y = (int(generator.integers(0, 16 - size, endpoint=True)) if size < 16 else 0 for _ in range(2))
            x += 16 * corner
            picture[y : y + size, x : x + size] = (240, 16)[label]
            boxes.append((x, y, x + size, y + size))
            labels.append(label)
        pictures.append(torch.from_numpy(picture.clip(0, 255)).to(torch.uint8)[None])
        found.append(
            Objects(
                torch.tensor(boxes).float().reshape(-1, 4),
                torch.tensor(labels, dtype=torch.int64),
                torch.zeros(len(labels), dtype=torch.bool),
            )
        )
    return Split(torch.stack(pictures), None, ("bright", "dark"), columns(found))


def squares_data() -> Data:
    splits = {"train": squares(32, 0), "test": squares(24, 1)}
    return Data.of(splits, Images.of(splits["train"].samples, Augmentation()), torch.device("cpu"))


def method(data: Data, width: int = 16) -> Method:
    """A random Conv4 that was made for pictures of another size."""
    torch.manual_seed(0)
    return Method(Conv4(Conv4Config(width=width), ImageShape(1, 28, 28)), NoOptions(), data).eval()


def config(**options: Any) -> DetectionConfig:
    return DetectionConfig(**{"width": 32, "proposals": 20, "sampled": 16, "steps": 2, "stride": 4, **options})
