"""The common part of computed data sets: the classes of each split, and a random generator for each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from harness import Split

SIZE = 28  # of a picture, in pixels
CLASSES = {"train": 100, "validation": 30, "novel": 60}
DRAWINGS, TRAINING = 20, 16  # per class; of a training class the first 16 are `train`, the others `test`

Pictures = NDArray[np.uint8]
Draw = Callable[[int, np.random.Generator], Pictures]
"""(number of drawings, generator of one class) -> pictures of a class that the generator chooses, (number, 28, 28)."""


def splits_of(draw: Draw, noun: str, seed: int) -> Mapping[str, Split]:
    """All splits of a data set. Each class has a generator of its own, so that it depends on no other class."""
    first, drawn = 0, dict[str, tuple[Pictures, tuple[str, ...]]]()
    for name, number in CLASSES.items():
        labels = range(first, first + number)
        pictures = np.stack([draw(DRAWINGS, np.random.default_rng((seed, label))) for label in labels])
        drawn[name] = pictures, tuple(f"{noun} {label:03d}" for label in labels)
        first += number
    base, names = drawn.pop("train")
    return {
        "train": pack(base[:, :TRAINING], names),
        "test": pack(base[:, TRAINING:], names),
        **{name: pack(*parts) for name, parts in drawn.items()},
    }


def pack(pictures: Pictures, classes: tuple[str, ...]) -> Split:
    """(classes, drawings, H, W) -> a split."""
    labels = torch.arange(len(classes)).repeat_interleave(pictures.shape[1])
    return Split(torch.from_numpy(pictures.reshape(-1, 1, SIZE, SIZE)), labels, classes)


def as_bytes(pictures: NDArray[np.floating]) -> Pictures:
    """Pixels in [0, 1], or a little outside of it, as uint8."""
    return np.rint(pictures * 255).clip(0, 255).astype(np.uint8)
