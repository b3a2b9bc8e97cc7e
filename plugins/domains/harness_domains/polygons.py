"""The data set `polygons`: filled shapes, brighter or darker than their ground. Classes differ in their outlines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from harness_datasets.arrays import CHARACTERS
from harness_datasets.glyphs import affine_maps
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from harness import ImageDataset, Split
from harness_domains.drawn import SIZE, Pictures, as_bytes, splits_of

SEED = 20_260_301
FINE = 4  # shapes are filled this much finer and averaged
CORNERS = (5, 9)  # the fewest and the most
NOISE = 0.05  # standard deviation, of pixels in [0, 1]

Floats = NDArray[np.float64]


class Polygons(ImageDataset):
    """`train` and `test`: drawings of the same classes; `validation`, `novel`: further classes; uint8 28x28."""

    augmentation = CHARACTERS

    def load(self) -> Mapping[str, Split]:
        return splits_of(draw, "polygon", SEED)


def draw(number: int, generator: np.random.Generator) -> Pictures:
    """Pictures (number, 28, 28) of one class: an outline. In each, the corners move a little, the whole is mapped as a
    drawing of `glyphs` is, and grey levels and noise differ."""
    corners = outline(generator)
    moved = corners + generator.normal(0, 0.03, (number, *corners.shape))
    maps = affine_maps(number, generator)
    placed = np.einsum("nij,nkj->nki", maps[:, :, :2], moved) + maps[:, None, :, 2]
    ink = np.stack([filled(each) for each in placed])

    ground, light = generator.uniform(0.1, 0.9, (number, 1, 1)), generator.uniform(0.35, 0.6, (number, 1, 1))
    light = np.where(ground + light > 1, -light, light)  # darker than a bright ground
    return as_bytes(ground + light * ink + generator.normal(0, NOISE, ink.shape))


def outline(generator: np.random.Generator) -> Floats:
    """Corners (K, 2) in -.85 .. .85 around the centre, at random distances from it and in random directions."""
    number = int(generator.integers(CORNERS[0], CORNERS[1], endpoint=True))
    gaps = generator.uniform(0.5, 1.5, number)
    angle = 2 * np.pi * np.cumsum(gaps) / gaps.sum() + generator.uniform(0, 2 * np.pi)
    distance = generator.uniform(0.3, 0.85, number)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)


def filled(corners: Floats) -> Floats:
    """The share of each pixel, (28, 28), that is inside of a shape with corners (K, 2) in -1 .. 1."""
    canvas = Image.new("L", (SIZE * FINE, SIZE * FINE))
    points = (corners + 1) / 2 * SIZE * FINE
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in points], fill=255)
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.float64) / 255
