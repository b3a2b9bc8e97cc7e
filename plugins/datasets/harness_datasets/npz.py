"""The user's arrays from an .npz file, whose content README.md describes, checked before anything trains."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import ImageDataset, Split, UsageError, nearest
from harness_datasets.arrays import Arrays, as_split, recommended, with_rotations
from harness_datasets.pictures import OTHER_NAMES, SPLITS, describe, forbid_shared_classes, meant
from harness_datasets.ranges import bits_of, in_a_byte, range_note

COLOURS = 4  # channels that a picture has at most; more, in the last place, are taken for a size
KEYS = ("classes", *(f"{split}_{part}" for split in SPLITS for part in ("images", "labels", "classes")))
Fields = Mapping[str, NDArray[np.generic]]


class Npz(ImageDataset):
    """The splits of an .npz file."""

    def load(self) -> Mapping[str, Split]:
        fields, self.notes = in_bytes(read(self.config.path), self.config.path)
        arrays = splits_of(fields, self.config.path)
        if self.config.rotations:
            arrays = {name: with_rotations(part) for name, part in arrays.items()}
        splits = {name: as_split(part) for name, part in arrays.items()}
        self.augmentation = self.config.augmentation.over(recommended(splits))
        return splits


def read(path: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of a file. Raises UsageError if it is missing, is no .npz or holds Python objects."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is no .npz file; write it with numpy.savez.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except MemoryError as error:  # as its header says: it may be damaged, or made to fill the memory
        raise UsageError(f"{path} cannot be read: it does not fit in memory.") from error
    except Exception as error:  # a damaged archive raises whatever its parts run into
        raise UsageError(f"{path} cannot be read: {error or type(error).__name__}") from error


def in_bytes(fields: Fields, where: Path) -> tuple[Fields, tuple[str, ...]]:
    """Images of larger unsigned integers as uint8, by the range of all splits; and what was done. Raises UsageError."""
    images = {key: each for split in SPLITS if isinstance(each := fields.get(key := f"{split}_images"), np.ndarray)}
    kinds = {str(each.dtype) for each in images.values()}
    if kinds <= {"uint8"} or any(each.dtype.kind != "u" or not each.size for each in images.values()):
        return fields, ()
    if len(kinds) > 1:
        said = ", ".join(f"'{key}' is {each.dtype}" for key, each in images.items())
        raise UsageError(f"{where}: {said}; the images of all splits must have the same type.")
    bits = max(bits_of(each) for each in images.values())
    scaled = {key: np.stack([in_a_byte(image, bits) for image in each]) for key, each in images.items()}
    return {**fields, **scaled}, (range_note(bits),)


def splits_of(fields: Fields, where: Path) -> dict[str, Arrays]:
    """Check everything that a user can get wrong, then number each split's classes from 0.

    `train` and `test` share their classes; `validation` and `novel` have classes of their own.
    Raises UsageError.
    """
    for key in fields:
        if key not in KEYS:
            split, underscore, part = key.rpartition("_")
            hint = meant(split, underscore + part) if split in OTHER_NAMES else nearest(key, KEYS)
            raise UsageError(f"{where}: '{key}' is not one of the arrays that make a data set.{hint}")
    for key in ("train_images", "train_labels"):
        if key not in fields:
            raise UsageError(f"{where} has no '{key}'; it has {', '.join(fields) or 'nothing'}.")
    given = [split for split in SPLITS if any(f"{split}_{part}" in fields for part in ("images", "labels", "classes"))]
    named = {split: named_split(fields, split, where) for split in given}
    train = present(named["train"])
    splits = {"train": number(named["train"], train)}
    for split in given[1:]:
        classes = train if split == "test" else present(named[split])
        splits[split] = number(named[split], classes)
        if split == "test" and (strange := set(present(named[split])) - set(train)):
            raise UsageError(
                f"{where}: {describe(strange)} in 'test' but not in 'train'; new classes belong in 'novel'."
            )
    forbid_shared_classes({split: part.classes for split, part in splits.items()}, where)
    return splits


def named_split(fields: Fields, split: str, where: Path) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """The images of a split and the name of each one's class."""
    for key in (f"{split}_images", f"{split}_labels"):
        if key not in fields:
            raise UsageError(f"{where} has arrays of the split '{split}', but no '{key}'.")
    images, labels = fields[f"{split}_images"], fields[f"{split}_labels"]
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):  # a member that is no .npy file
        raise UsageError(f"{where}: '{split}_images' and '{split}_labels' must be arrays.")
    if images.dtype != np.uint8:
        hint = "; scale them to 0 .. 255 and use .astype('uint8')" if images.dtype.kind in "fbi" else ""
        raise UsageError(f"{where}: '{split}_images' must be uint8, not {images.dtype}{hint}.")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise UsageError(f"{where}: '{split}_images' must be (N, H, W) or (N, H, W, C), not {images.shape}.")
    if images.ndim == 4 and images.shape[1] <= COLOURS < images.shape[3]:
        raise UsageError(
            f"{where}: '{split}_images' {images.shape} has its channels first; put them last: .transpose(0, 2, 3, 1)."
        )
    if labels.ndim == 2 and labels.shape[1] == 1:  # a column, as MedMNIST has it
        labels = labels[:, 0]
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise UsageError(f"{where}: '{split}_labels' must be integers (N,), not {labels.dtype} {labels.shape}.")
    if len(labels) != len(images):
        raise UsageError(
            f"{where}: '{split}_images' has {len(images)} samples, but '{split}_labels' has {len(labels)}."
        )
    return images.astype(np.uint8), class_names(fields, split, labels.astype(np.int64), where)


def class_names(fields: Fields, split: str, labels: NDArray[np.int64], where: Path) -> NDArray[np.str_]:
    """The class of each sample: by the split's own list, by the common list, or else by its number.

    Without a list, `train` and `test` number the same classes, `validation` and `novel` each their own.
    """
    key = next((key for key in own_lists(split) if key in fields), None)
    if key is None:
        if below := int((labels < 0).sum()):
            raise UsageError(
                f"{where}: {below:,} of the {len(labels):,} '{split}_labels' are below 0. Classes are numbered "
                "from 0; leave out samples without a label."
            )
        prefix = "" if split in ("train", "test") else f"{split} "
        return np.array([f"{prefix}{label}" for label in labels])
    names = fields[key]
    if names.dtype.kind not in "US" or names.ndim != 1 or len(set(names.tolist())) < len(names):
        raise UsageError(f"{where}: '{key}' must be a list of different names, not {names.dtype} {names.shape}.")
    if np.min(labels) < 0 or np.max(labels) >= len(names):
        raise UsageError(
            f"{where}: '{split}_labels' must be in 0 .. {len(names) - 1}, the indices of '{key}', "
            f"not {np.min(labels)} .. {np.max(labels)}."
        )
    return names.astype(np.str_)[labels]


def own_lists(split: str) -> tuple[str, ...]:
    """Where the names of a split's classes may be, the nearest first."""
    return (f"{split}_classes", "train_classes", "classes") if split == "test" else (f"{split}_classes", "classes")


def present(named: tuple[NDArray[np.uint8], NDArray[np.str_]]) -> tuple[str, ...]:
    """The classes that have samples: numbers in their order, then names in theirs."""
    return tuple(sorted(map(str, np.unique(named[1])), key=lambda name: (int(name) if name.isdecimal() else 0, name)))


def number(named: tuple[NDArray[np.uint8], NDArray[np.str_]], classes: tuple[str, ...]) -> Arrays:
    """Labels as indices into `classes`; a name that is not there becomes -1."""
    images, names = named
    place = {name: i for i, name in enumerate(classes)}
    return Arrays(images, np.array([place.get(str(name), -1) for name in names], dtype=np.int64), classes)
