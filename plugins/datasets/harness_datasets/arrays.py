"""Splits as numpy arrays: how they are transformed and cached."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness import Augmentation, Samples, Split, UsageError, UsageWarning
from harness_datasets.pictures import Listed

CHARACTERS = Augmentation(crop=(0.8, 1.0), rotate=15.0, translate=0.1, scale=(0.8, 1.2), shear=10.0)  # never flipped
WITHOUT_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
PHOTOS = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)  # Chen et al. 2020, appendix B.9


class Arrays(NamedTuple):
    """`images`: uint8 (N, H, W) or (N, H, W, C); `labels`: integers (N,), indices into `classes`, or 0 and 1
    (N, classes) where an image may be of several."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    classes: tuple[str, ...]


def as_split(arrays: Arrays) -> Split:
    """Channels first, as torch has them."""
    images = arrays.images[..., None] if arrays.images.ndim == 3 else arrays.images
    samples = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return with_labels(samples, arrays.labels, arrays.classes)


def labels_of(part: Listed) -> NDArray[np.integer]:
    """Integers (N,); or, where pictures may have several labels, 0 and 1 (N, C)."""
    if part.targets is None:
        return np.array(part.labels)
    marks = np.zeros((len(part.paths), len(part.classes)), np.uint8)
    for row, target in zip(marks, part.targets, strict=True):
        row[list(target)] = 1
    return marks


def with_labels(samples: Samples, labels: NDArray[np.integer], classes: tuple[str, ...]) -> Split:
    """Labels (N,) as they are; (N, C) as the column `targets`, float32, and no labels; neither without classes."""
    if not classes:
        return Split(samples)
    if labels.ndim == 2:
        return Split(samples, None, classes, {"targets": torch.from_numpy(labels.astype(np.float32))})
    return Split(samples, torch.from_numpy(labels.astype(np.int64)), classes)


def recommended(splits: Mapping[str, Split]) -> Augmentation:
    """What usually makes sense: grey pictures are taken for characters, others for photos."""
    return CHARACTERS if cast(Tensor, splits["train"].samples).shape[1] == 1 else PHOTOS


def pick_classes(arrays: Arrays, names: tuple[str, ...]) -> Arrays:
    """The samples of the named classes, relabelled 0 .. len(names) - 1 in that order."""
    place = np.full(len(arrays.classes), -1)
    place[[arrays.classes.index(name) for name in names]] = np.arange(len(names))
    labels = place[arrays.labels]
    return Arrays(arrays.images[labels >= 0], labels[labels >= 0], names)


def hold_out(arrays: Arrays, number: int) -> tuple[Arrays, Arrays]:
    """All but the last `number` samples of each class, and those."""
    from_end = np.empty(len(arrays.labels), dtype=np.intp)
    for label in range(len(arrays.classes)):
        members = np.flatnonzero(arrays.labels == label)
        from_end[members] = np.arange(len(members))[::-1]
    held = from_end < number
    kept, rest = (Arrays(arrays.images[part], arrays.labels[part], arrays.classes) for part in (~held, held))
    return kept, rest


def with_rotations(arrays: Arrays) -> Arrays:
    """Each rotation by 90, 180, 270 degrees of a class is a further class (Snell et al. 2017, section 3.1)."""
    if arrays.images.shape[1] != arrays.images.shape[2]:
        raise UsageError(f"'rotations' needs square images, not {arrays.images.shape[1]}x{arrays.images.shape[2]}.")
    number = len(arrays.classes)
    return Arrays(
        np.concatenate([np.rot90(arrays.images, turns, axes=(1, 2)) for turns in range(4)]),
        np.concatenate([arrays.labels + turns * number for turns in range(4)]),
        tuple(f"{name}, turned {90 * turns}" if turns else name for turns in range(4) for name in arrays.classes),
    )


def cached(path: Path, build: Callable[[], Mapping[str, Arrays]]) -> dict[str, Arrays]:
    """What `build` gives, kept in `path`; of several processes only one builds, and the file appears whole. A file that
    is damaged is set aside, and made again."""
    with locked(path.parent):
        if not path.exists():
            _write(path, build())
    try:
        return _read(path)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a damaged archive raises whatever its parts run into)
        with locked(path.parent):
            _mend(path, build)
    return _read(path)


def _mend(path: Path, build: Callable[[], Mapping[str, Arrays]]) -> None:
    """Unless another process has done so."""
    try:
        _read(path)
    except Exception as error:  # noqa: BLE001 (likewise)
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        said = str(error) or type(error).__name__
        warnings.warn(
            f"{path} is damaged ({said}): set aside as {aside.name}, and made again.", UsageWarning, stacklevel=3
        )
        _write(path, build())


def _read(path: Path) -> dict[str, Arrays]:
    with np.load(path, allow_pickle=False) as file:
        names = [key.removesuffix("_images") for key in file.files if key.endswith("_images")]
        return {
            name: Arrays(file[f"{name}_images"], file[f"{name}_labels"], tuple(map(str, file[f"{name}_classes"])))
            for name in names
        }


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system frees the lock of a process that dies. On a file system without locks several
    may build the same: each file appears whole, so that this costs no more than time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield


def _write(path: Path, splits: Mapping[str, Arrays]) -> None:
    parts = {f"{name}_{field}": value for name, part in splits.items() for field, value in part._asdict().items()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **parts)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
