"""Letterboxes photos to squares: resized with their aspect ratio, with a black border on the right or below."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from harness import Split, StreamedImages, UsageError
from harness_detection.boxes import Objects, columns


class Photo(NamedTuple):
    """A file, the size that its boxes are for, and its objects in pixels of the file."""

    file: Path
    width: int
    height: int
    objects: Objects


def scales(width: int, height: int, side: int) -> tuple[float, float]:
    """By how much the width and the height of a photo change so that the longer one is `side`."""
    factor = side / max(width, height)
    return max(1, round(width * factor)) / width, max(1, round(height * factor)) / height


def split(photos: Sequence[Photo], classes: tuple[str, ...], side: int) -> Split:
    """Photos that are read when they are needed, uint8 (N, 3, side, side), with boxes in pixels of the squares. The
    column `box_scale` (N, 2) says by how much width and height were scaled: divided by it, boxes are those of the
    file."""
    factors = [scales(photo.width, photo.height, side) for photo in photos]
    scaled = [
        photo.objects._replace(boxes=photo.objects.boxes * torch.tensor([*factor, *factor]))
        for photo, factor in zip(photos, factors, strict=True)
    ]
    read = partial(read_square, [(photo.file, photo.width, photo.height) for photo in photos], side)
    samples = StreamedImages(read, (len(photos), 3, side, side))
    return Split(samples, None, classes, {**columns(scaled), "box_scale": torch.tensor(factors)})


def read_square(photos: Sequence[tuple[Path, int, int]], side: int, place: int) -> NDArray[np.uint8]:
    """uint8 (side, side, 3). Raises UsageError for a file that is no picture, or has another size than its boxes are
    for."""
    file, width, height = photos[place]
    try:
        with Image.open(file) as picture:
            if picture.size != (width, height):
                size = f"{picture.width}x{picture.height}"
                raise UsageError(f"{file} is {size}, but its boxes are for a picture of {width}x{height}.")
            across, down = scales(width, height, side)
            small = picture.convert("RGB").resize((round(width * across), round(height * down)))
    except (OSError, UnidentifiedImageError) as error:
        raise UsageError(f"{file} cannot be read as a picture: {error}") from error
    square = Image.new("RGB", (side, side))
    square.paste(small)
    return np.asarray(square)


def of_file(split: Split, number: int, boxes: Tensor) -> Tensor:
    """Boxes (M, 4) in a square as boxes in the picture's file."""
    factor = split.column("box_scale")[number]
    return boxes / torch.cat([factor, factor])
