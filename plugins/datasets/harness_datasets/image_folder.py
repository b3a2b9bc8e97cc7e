"""A user's own pictures: a folder of them, or a list."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from harness import ImageDataset, Split, StreamedImages, UsageWarning, counted
from harness_datasets.arrays import Arrays, as_split, cached, labels_of, recommended, with_labels
from harness_datasets.decoding import opened, read_crops, read_picture
from harness_datasets.pictures import Listed, Picture
from harness_datasets.survey import Survey, survey

GREY = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N")  # modes of pictures without colour


class ImageFolder(ImageDataset):
    """The splits of a folder or a list, cropped at the centre to squares and resized.

    They are decoded once, then cached; or, if that takes more memory than it may, whenever they are needed. Either way
    the pictures are the same, bit for bit.
    """

    def load(self) -> Mapping[str, Split]:
        config = self.config
        listing = config.listing()
        files, paths = listing.splits, listing.paths
        tell_left_out(files)
        found = survey(paths, config.where)
        found.warn()
        size = found.size(config.size)
        streamed = config.streams(len(paths), size)
        if streamed:
            splits = stream(files, size, found)
        else:
            name = f"{config.fingerprint()[:18]}-{size}.npz"
            arrays = cached(self.folder / name, lambda: read_all(files, size, found.bits))
            splits = {name: as_split(part) for name, part in arrays.items()}
        self.notes = (*listing.notes, *several_labels(files), *found.notes(size))
        if streamed and found.hold_more(size):
            self.notes += ("random crops are of the whole pictures",)
        self.augmentation = config.augmentation.over(recommended(splits))
        return splits


class ImageList(ImageFolder):
    """The splits of a CSV or parquet file that lists pictures and their labels."""


class WebDataset(ImageFolder):
    """The splits of tar files that hold pictures and their labels."""


def several_labels(files: Mapping[str, Listed]) -> tuple[str, ...]:
    """What to say where pictures may have several labels."""
    targets = [target for part in files.values() for target in part.targets or ()]
    if not targets:
        return ()
    return (f"{sum(map(len, targets)) / len(targets):.2g} labels a picture",)


def tell_left_out(files: Mapping[str, Listed]) -> None:
    """Warn of files that are not read."""
    for name, part in files.items():
        if part.left_out:
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(part.left_out.items()))
            warnings.warn(f"files of '{name}' that are left out: {why}.", UsageWarning, stacklevel=3)


def read_all(files: Mapping[str, Listed], size: int, bits: int) -> dict[str, Arrays]:
    """Decode all pictures, (N, size, size, 3), or (N, size, size) if none has colour. Raises UsageError."""
    paths = [path for part in files.values() for path in part.paths]
    pictures = (read_picture(path, size, bits) for path in counted(paths, "pictures read"))
    splits = {
        name: Arrays(np.stack(list(islice(pictures, len(part.paths)))), labels_of(part), part.classes)
        for name, part in files.items()
    }
    colourless = all((part.images == part.images[..., :1]).all() for part in splits.values())
    return {name: part._replace(images=part.images[..., 0]) for name, part in splits.items()} if colourless else splits


def stream(files: Mapping[str, Listed], size: int, found: Survey) -> dict[str, Split]:
    """The same splits, to be read when they are needed; only as many pictures as it takes to see colour are now."""
    paths, bits = [path for part in files.values() for path in part.paths], found.bits
    seen = (has_colour(path, size, bits) for path in counted(paths, "pictures looked at for colour"))
    channels = 3 if any(seen) else 1

    sizes = iter(found.sizes)

    def samples(paths: Sequence[Picture]) -> StreamedImages:
        read, shape = partial(read_one, paths, size, channels, bits), (len(paths), channels, size, size)
        own = torch.tensor(list(islice(sizes, len(paths))))
        if not found.hold_more(size):
            return StreamedImages(read, shape)
        parts = partial(read_boxes, paths, size, channels, bits)
        return StreamedImages(read, shape, read_parts=parts, sizes=own)

    return {name: with_labels(samples(part.paths), labels_of(part), part.classes) for name, part in files.items()}


def read_one(paths: Sequence[Picture], size: int, channels: int, bits: int, place: int) -> NDArray[np.uint8]:
    return read_picture(paths[place], size, bits)[..., :channels]


def read_boxes(
    paths: Sequence[Picture], size: int, channels: int, bits: int, place: int, boxes: NDArray[np.int64]
) -> NDArray[np.uint8]:
    return read_crops(paths[place], boxes, size, bits)[..., :channels]


def has_colour(path: Picture, size: int, bits: int) -> bool:
    """Whether any pixel has; of pictures that are stored as grey, only the header is read."""
    with opened(path) as picture:
        if picture.mode in GREY:
            return False
    pixels = read_picture(path, size, bits)
    return bool((pixels != pixels[..., :1]).any())
