"""Base classes of data sets, which load splits of samples of one modality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.learning.data.augmentation import Augmentation, TextView
from harness.learning.data.images import Images
from harness.learning.data.modality import Modality
from harness.learning.data.splits import Data, Split, require_train
from harness.learning.data.text import RECOMMENDED, Text
from harness.learning.data.vectors import Vectors


class Dataset:
    """Base class of data sets: loads named splits.

    Derive from `ImageDataset`, `VectorDataset` or `TextDataset`, or implement `modality` for other kinds of samples.

    Args:
        config: An instance of the `Config` dataclass that was registered with the data set.
        folder: The data set's own folder in the cache, for what it downloads or builds.

    Attributes:
        notes: What `load` did that a user should see, beside the number of samples.
        parts: The data sets that it is made of, by name, on the CPU; empty unless it is registered with `combines`.
    """

    parts: Mapping[str, Data] = MappingProxyType({})
    notes: tuple[str, ...] = ()  # what `load` did that a user should see, beside the number of samples

    def __init__(self, config: Any, folder: Path) -> None:
        self.config = config
        self.folder = folder

    def load(self) -> Mapping[str, Split]:
        """Load the splits, on the CPU.

        Returns:
            Splits by name; "train" must be among them. "train" and "test" hold the same classes; "validation" and
            "novel" hold further classes.

        Raises:
            UsageError: A mistake of the user's, such as a missing file.
        """
        raise NotImplementedError(f"{type(self).__name__} has no load")

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        """Describe the samples, once they are loaded.

        Args:
            splits: What `load` returned. Statistics, such as a mean, must be taken from "train" alone.

        Returns:
            The modality of all splits.
        """
        raise NotImplementedError(f"{type(self).__name__} has no modality: derive it from ImageDataset or the like")


class ImageDataset(Dataset):
    """A data set of pictures, uint8 (N, C, H, W).

    Attributes:
        augmentation: The augmentation that suits these pictures.
    """

    augmentation: Augmentation = Augmentation()

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        return Images.of(require_train(splits).samples, self.augmentation)


class VectorDataset(Dataset):
    """A data set of vectors, float32 (N, D), such as rows of a table.

    Attributes:
        corruption: Fraction of the columns that a view replaces, in [0, 1]; see `Vectors`.
    """

    corruption: float = 0.6

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        return Vectors.of(require_train(splits).samples, self.corruption)


class TextDataset(Dataset):
    """A data set of texts.

    Attributes:
        augmentation: How views of these texts are made, where this differs from the default of `Text`.
    """

    augmentation: TextView = TextView()

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        require_train(splits)
        return Text(augmentation=self.augmentation.over(RECOMMENDED))
