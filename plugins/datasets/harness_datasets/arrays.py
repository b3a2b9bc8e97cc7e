"""Splits as numpy arrays, and the one file format that `npz` reads and `glyphs` caches in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from harness import Split


class Arrays(NamedTuple):
    """`images`: uint8 (N, H, W) or (N, H, W, C); `labels`: integers (N,), indices into `classes`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    classes: tuple[str, ...]


def as_split(arrays: Arrays) -> Split:
    """Channels first, as torch has them."""
    images = arrays.images[..., None] if arrays.images.ndim == 3 else arrays.images
    return Split(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        torch.from_numpy(arrays.labels.astype(np.int64)),
        arrays.classes,
    )


def write_splits(path: Path, splits: Mapping[str, Arrays]) -> None:
    """Write `<split>_images`, `<split>_labels` and `<split>_classes`; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {f"{name}_{field}": value for name, arrays in splits.items() for field, value in arrays._asdict().items()}
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            np.savez_compressed(file, **parts)
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def read_splits(path: Path) -> dict[str, Split]:
    """What `write_splits` wrote."""
    with np.load(path, allow_pickle=False) as file:
        names = [key.removesuffix("_images") for key in file.files if key.endswith("_images")]
        return {
            name: as_split(
                Arrays(file[f"{name}_images"], file[f"{name}_labels"], tuple(map(str, file[f"{name}_classes"])))
            )
            for name in names
        }
