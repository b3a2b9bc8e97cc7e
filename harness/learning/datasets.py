"""Data sets: what loads splits of samples of one modality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.learning.data.augmentation import Augmentation, TextView
from harness.learning.data.images import Images
from harness.learning.data.modality import Modality
from harness.learning.data.splits import Split, require_train
from harness.learning.data.text import RECOMMENDED, Text
from harness.learning.data.vectors import Vectors


class Dataset:
    """Loads named splits. `folder` is this component's own place in the cache for what it downloads or builds.

    Derive from `ImageDataset`, `VectorDataset` or `TextDataset`, or say what your samples are by a `modality` of your
    own.
    """

    notes: tuple[str, ...] = ()  # what `load` did that a user should see, beside the number of samples

    def __init__(self, config: Any, folder: Path) -> None:
        self.config = config
        self.folder = folder

    def load(self) -> Mapping[str, Split]:
        """The splits, on the CPU. `train` must be among them. Raises UsageError for the user's mistakes."""
        raise NotImplementedError(f"{type(self).__name__} has no load")

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        """What the samples are, once they are loaded; what is measured of them is measured of `train`."""
        raise NotImplementedError(f"{type(self).__name__} has no modality: derive it from ImageDataset or the like")


class ImageDataset(Dataset):
    """Pictures, with the augmentation that suits them."""

    augmentation: Augmentation = Augmentation()

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        return Images.of(require_train(splits).samples, self.augmentation)


class VectorDataset(Dataset):
    """Rows of numbers. `corruption`: the share of columns that a view replaces, see `harness.Vectors`."""

    corruption: float = 0.6

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        return Vectors.of(require_train(splits).samples, self.corruption)


class TextDataset(Dataset):
    """Texts, with what differs from the default view, `harness.Text`'s."""

    augmentation: TextView = TextView()

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        require_train(splits)
        return Text(augmentation=self.augmentation.over(RECOMMENDED))
