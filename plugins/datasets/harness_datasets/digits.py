"""scikit-learn's handwritten digits, which need no download."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np

from harness import ImageDataset, Split
from harness_datasets.arrays import CHARACTERS, Arrays, as_split, cached

INK = 16  # the brightest value in scikit-learn's copy


class Digits(ImageDataset):
    """`train` (1,347) and `test` (450): uint8 8x8, ink 255 on 0; drawn once, stratified, with a fixed seed."""

    augmentation = CHARACTERS

    def load(self) -> Mapping[str, Split]:
        """scikit-learn unpacks a table of text, which takes ten times as long as to read the cached arrays."""
        splits = cached(self.folder / f"digits-{version('scikit-learn')}.npz", build)
        return {name: as_split(arrays) for name, arrays in splits.items()}


def build() -> dict[str, Arrays]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    grey = np.rint(images.reshape(-1, 8, 8) * (255 / INK)).astype(np.uint8)
    classes = tuple(str(digit) for digit in range(10))
    parts = train_test_split(np.arange(len(labels)), test_size=450, stratify=labels, random_state=0)
    return {
        name: Arrays(grey[part], labels[part], classes)
        for name, part in zip(("train", "test"), map(np.sort, parts), strict=True)
    }
