"""A user's own pictures: <path>/<split>/<class>/<picture>."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from harness import Dataset, Split, Streamed, UsageError, UsageWarning
from harness_datasets.arrays import Arrays, as_split, cached, recommended
from harness_datasets.pictures import Listed, list_folder

ORIENTATION = 0x0112  # EXIF's tag
TURNS = dict(
    enumerate(
        (
            *(Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM),
            *(
                Image.Transpose.TRANSPOSE,
                Image.Transpose.ROTATE_270,
                Image.Transpose.TRANSVERSE,
                Image.Transpose.ROTATE_90,
            ),
        ),
        2,
    )
)  # what undoes each orientation
GREY = ("1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N")  # modes of pictures without colour


class ImageFolder(Dataset):
    """The splits of a folder, cropped at the centre to squares and resized.

    They are decoded once, then cached; or, if that takes more memory than it may, whenever they are needed. Either way
    the pictures are the same, bit for bit.
    """

    def load(self) -> Mapping[str, Split]:
        config = self.config
        files = list_folder(config.path)
        tell_left_out(files)
        if sum(len(part.paths) for part in files.values()) * 3 * config.size**2 > config.memory_gb * 1e9:
            splits = stream(files, config.size)
        else:
            name = f"{config.fingerprint()[:18]}-{config.size}.npz"
            arrays = cached(self.folder / name, lambda: read_all(files, config.size))
            splits = {name: as_split(part) for name, part in arrays.items()}
        self.augmentation = config.augmentation.over(recommended(splits))
        return splits


def tell_left_out(files: Mapping[str, Listed]) -> None:
    """Warn of files that are not read."""
    for name, part in files.items():
        if part.left_out:
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(part.left_out.items()))
            warnings.warn(f"files of '{name}' that are left out: {why}.", UsageWarning, stacklevel=3)


def read_all(files: Mapping[str, Listed], size: int) -> dict[str, Arrays]:
    """Decode all pictures, (N, size, size, 3), or (N, size, size) if none has colour. Raises UsageError."""
    splits = {
        name: Arrays(np.stack([read_picture(path, size) for path in part.paths]), np.array(part.labels), part.classes)
        for name, part in files.items()
    }
    colourless = all((part.images == part.images[..., :1]).all() for part in splits.values())
    return {name: part._replace(images=part.images[..., 0]) for name, part in splits.items()} if colourless else splits


def stream(files: Mapping[str, Listed], size: int) -> dict[str, Split]:
    """The same splits, to be read when they are needed; only as many pictures as it takes to see colour are now."""
    channels = 3 if any(has_colour(path, size) for part in files.values() for path in part.paths) else 1
    return {
        name: Split(
            Streamed(partial(read_one, part.paths, size, channels), (len(part.paths), channels, size, size)),
            torch.tensor(part.labels),
            part.classes,
        )
        for name, part in files.items()
    }


def read_one(paths: Sequence[Path], size: int, channels: int, place: int) -> NDArray[np.uint8]:
    return read_picture(paths[place], size)[..., :channels]


def has_colour(path: Path, size: int) -> bool:
    """Whether any pixel has; of pictures that are stored as grey, only the header is read."""
    with opened(path) as picture:
        if picture.mode in GREY:
            return False
    pixels = read_picture(path, size)
    return bool((pixels != pixels[..., :1]).any())


def read_picture(file: Path, size: int) -> NDArray[np.uint8]:
    """uint8 (size, size, 3): the largest centred square, resized. Raises UsageError if the picture cannot be read."""
    with opened(file) as picture:
        picture.draft(None, (2 * size, 2 * size))  # a JPEG far larger than that is decoded at half the size or less
        upright = in_colour(turned(picture))
        return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))


def turned(picture: Image.Image) -> Image.Image:
    """As the camera was held, by EXIF's orientation. Pillow's own way writes all other EXIF anew as well, and fails
    where some of it is odd."""
    turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
    return picture if turn is None else picture.transpose(turn)


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """A picture whose header is read. Raises UsageError for what goes wrong then or later."""
    try:
        with Image.open(file) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise UsageError(f"{file} cannot be read as a picture: its format is unknown, or it is damaged.") from error
    except MemoryError:  # the job's own limit, not the picture's fault: Pillow refuses bombs by their size
        raise
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        raise UsageError(f"{file} cannot be read as a picture: {error}") from error


def in_colour(picture: Image.Image) -> Image.Image:
    """As 8-bit RGB: what is transparent becomes white, 16-bit grey keeps its upper half. Raises OSError for others."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise OSError(f"pixels of mode {picture.mode} have no agreed range; save it with 8 or 16 bits")
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return picture.convert("RGB")
