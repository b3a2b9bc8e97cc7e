"""Decodes one picture from its file to an array."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from harness import UsageError
from harness_datasets.pictures import Picture
from harness_datasets.ranges import in_a_byte

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


def read_picture(file: Picture, size: int, bits: int = 16) -> NDArray[np.uint8]:
    """uint8 (size, size, 3): the largest centred square, resized. `bits`: how many the values of a grey picture of more
    than 8 bits have. Raises UsageError if the picture cannot be read."""
    with opened(file) as picture:
        picture.draft(None, (2 * size, 2 * size))  # a JPEG far larger than that is decoded at half the size or less
        upright = in_colour(turned(picture), bits)
        return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))


def read_crops(file: Picture, boxes: NDArray[np.int64], size: int, bits: int = 16) -> NDArray[np.uint8]:
    """uint8 (V, size, size, 3): the boxes (V, 4), top, left, height and width in the pixels of the file, resized. Each
    is turned upright by itself, so that a box is one of the picture as it is stored. Raises UsageError likewise."""
    with opened(file) as picture:
        width, height = picture.size
        needed = 2 * size / int(np.min(boxes[:, 2:]))  # as above; small boxes need all pixels
        if needed < 1:
            picture.draft(None, (math.ceil(width * needed), math.ceil(height * needed)))
        turn = orientation(picture)
        across, down = picture.size[0] / width, picture.size[1] / height  # 1, unless it was decoded at less
        crops = []
        for top, left, high, wide in boxes.tolist():
            edges = (left * across, top * down, (left + wide) * across, (top + high) * down)
            crop = picture.crop((round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])))
            upright = in_colour(crop if turn is None else crop.transpose(turn), bits)
            crops.append(np.asarray(upright.resize((size, size), Image.Resampling.BILINEAR)))
        return np.stack(crops)


def turned(picture: Image.Image) -> Image.Image:
    """As the camera was held, by EXIF's orientation. Pillow's own way writes all other EXIF anew as well, and fails
    where some of it is odd."""
    turn = orientation(picture)
    return picture if turn is None else picture.transpose(turn)


def orientation(picture: Image.Image) -> Image.Transpose | None:
    """What turns it upright."""
    return TURNS.get(picture.getexif().get(ORIENTATION, 1))


@contextmanager
def opened(file: Picture) -> Iterator[Image.Image]:
    """A picture whose header is read. Raises UsageError for what goes wrong then or later."""
    try:
        with file.open("rb") as stored, Image.open(stored) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise UsageError(f"{file} cannot be read as a picture: its format is unknown, or it is damaged.") from error
    except MemoryError:  # the job's own limit, not the picture's fault: Pillow refuses bombs by their size
        raise
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        raise UsageError(f"{file} cannot be read as a picture: {error}") from error


def deep(picture: Image.Image) -> bool:
    """Whether it is grey with more than 8 bits. Raises OSError for one of floats."""
    if picture.mode == "F":
        raise OSError("its pixels are floats, whose range is unknown; save it with 8 or 16 bits")
    return picture.mode.startswith("I")


def in_colour(picture: Image.Image, bits: int) -> Image.Image:
    """As 8-bit RGB: what is transparent becomes white. Raises OSError for a picture of floats."""
    if deep(picture):
        picture = Image.fromarray(in_a_byte(np.asarray(picture), bits))
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return picture.convert("RGB")
