"""Surveys all pictures of a set before they are read: their sizes, and the range of their values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import numpy as np
from PIL import Image

from harness import UsageWarning
from harness_datasets.decoding import deep, opened
from harness_datasets.pictures import MOST, Picture, per_picture
from harness_datasets.ranges import BYTE, bits_of, range_note

WHOLE = 16  # bits


class Survey(NamedTuple):
    """The sides of the largest squares that the pictures hold: the least, the median and the greatest, in pixels.

    How many bits the values of grey pictures of more than 8 bits take, and those of pictures in colour or with
    transparency of 16 bits, of which Pillow reads the upper 8; 0 where there are none. `sizes`: the height and the
    width of each picture, as it is stored.
    """

    least: int
    median: int
    greatest: int
    bits: int
    in_colour: int
    sizes: Sequence[tuple[int, int]]

    def size(self, given: int | None) -> int:
        """The side of the squares that pictures become."""
        return given or min(self.median, MOST)

    def hold_more(self, size: int) -> bool:
        """Whether any picture has more than a square of that size."""
        return any(each != (size, size) for each in self.sizes)

    def notes(self, size: int) -> tuple[str, ...]:
        """What becomes of them."""
        sides = f"{self.least}" if self.least == self.greatest else f"{self.least} to {self.greatest}"
        squares = f"squares of {size} pixels" + ("" if sides == str(size) else f", resized from {sides}")
        return (squares, f"16-bit {range_note(self.bits)}") if self.bits else (squares,)

    def warn(self) -> None:
        """Of pictures in colour that lose most of what they hold."""
        if 0 < self.in_colour < WHOLE:
            warnings.warn(
                f"pictures in colour, or with transparency, have 16 bits a value and use {self.in_colour} of them; the "
                f"upper 8 are read, so {2 ** (self.in_colour - BYTE)} levels are left. Save them with 8 bits.",
                UsageWarning,
                stacklevel=3,
            )


def survey(files: Sequence[Picture], folder: Path) -> Survey:
    """Of the pictures that are known by `folder`. Raises UsageError for one that cannot be read as far as that."""
    found = per_picture(look, files, f"sizes and bits of pictures below {folder.absolute()}", "pictures looked at")
    heights, widths, bits, in_colour = zip(*(map(int, each.split()) for each in found), strict=True)
    sizes = list(zip(heights, widths, strict=True))
    sides = [min(size) for size in sizes]
    return Survey(min(sides), median_low(sides), max(sides), max(bits), max(in_colour), sizes)


def look(file: Picture) -> str:
    """A picture's height and width as it is stored; and the bits of its values, see `Survey`."""
    with opened(file) as picture:
        bits = bits_of(np.asarray(picture)) if deep(picture) else 0
        in_colour = BYTE + upper(picture) if wide(picture) else 0
        return f"{picture.height} {picture.width} {bits} {in_colour}"


def wide(picture: Image.Image) -> bool:
    """Whether its file has 16 bits a value, of which Pillow reads the upper 8; known until it is read."""
    return not picture.mode.startswith("I") and any(";16" in str(tile[3]) for tile in getattr(picture, "tile", ()))


def upper(picture: Image.Image) -> int:
    """How many of the upper 8 bits the values of colours take."""
    return int(np.max(np.asarray(picture.convert("RGB")))).bit_length()
