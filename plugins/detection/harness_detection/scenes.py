"""The embedded data set with boxes: letters of scripts that `glyphs` holds back, among strokes and noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import torch
from harness_datasets import GlyphsConfig
from harness_datasets.arrays import CHARACTERS
from harness_datasets.glyphs import Glyphs
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from harness import ImageDataset, Split
from harness_detection import GlyphScenesConfig
from harness_detection.boxes import Objects, columns

SIDE = 96  # of a scene, in pixels
CLASSES = 6
LETTERS = (1, 5)  # in a scene
SIZES = (18, 40)  # the side of the square that a drawing of a letter, with its margins, is scaled to
STROKES = (2, 6)
INK = 0.4  # from which on a pixel belongs to a letter
TRIES = 30  # to place a letter where no other is
LEARNED = 14  # drawings of a class that are in scenes of `train`; the other six are in those of `test`
CHOICE = 20_270_101  # the seed by which classes were chosen, before any was scored

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class GlyphScenes(ImageDataset):
    """`train` and `test`: uint8 (N, 1, 96, 96) with one to five letters each; neither a letter's drawing nor a scene is
    in both. The six letters are classes of the split `novel` of `glyphs`: an encoder that learned there has not seen
    them."""

    config: GlyphScenesConfig
    augmentation = CHARACTERS

    def load(self) -> Mapping[str, Split]:
        letters = Glyphs(GlyphsConfig(), self.folder).load()["novel"]
        every = [cast(Tensor, letters.samples)[members, 0].numpy() for members in letters.by_class]
        chosen = np.sort(np.random.default_rng(CHOICE).permutation(len(every))[:CLASSES])
        names = tuple(letters.classes[label] for label in chosen)
        parts = {"train": (self.config.train, slice(LEARNED)), "test": (self.config.test, slice(LEARNED, None))}
        return {
            name: split([every[label][part] for label in chosen], names, number, (self.config.seed, place))
            for place, (name, (number, part)) in enumerate(parts.items())
        }


def split(drawings: list[Bytes], names: tuple[str, ...], number: int, seed: tuple[int, int]) -> Split:
    """So many scenes of these drawings, (n, 28, 28) of each class."""
    generator = np.random.default_rng(seed)
    scenes = [scene(drawings, generator) for _ in range(number)]
    pictures = torch.from_numpy(np.stack([each.picture for each in scenes]))[:, None]
    masks = torch.from_numpy(np.stack([each.mask for each in scenes]))
    return Split(pictures, None, names, {**columns([each.objects for each in scenes]), "mask": masks})


class Scene(NamedTuple):
    """uint8 (96, 96), the letters in it, and what each pixel is: uint8 (96, 96), 0 or one more than a class."""

    picture: Bytes
    mask: Bytes
    objects: Objects


def scene(drawings: list[Bytes], generator: np.random.Generator) -> Scene:
    """Strokes on noise, and letters over them, none over another."""
    ground, mask = strokes(generator), np.zeros((SIDE, SIDE), np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    for _ in range(generator.integers(LETTERS[0], LETTERS[1], endpoint=True)):
        label = int(generator.integers(len(drawings)))
        ink = letter(drawings[label], generator)
        height, width = ink.shape
        for _ in range(TRIES):
            x, y = (int(generator.integers(SIDE - side, endpoint=True)) for side in (width, height))
            box = (x, y, x + width, y + height)
            if not any(meet(box, other) for other in boxes):
                part = ground[y : y + height, x : x + width]
                np.maximum(part, ink * generator.uniform(0.7, 1), out=part)
                mask[y : y + height, x : x + width][ink > INK] = label + 1
                boxes.append(box)
                labels.append(label)
                break
    ground += generator.normal(0, 0.08, ground.shape).astype(np.float32)
    found = Objects(torch.tensor(boxes).float(), torch.tensor(labels), torch.zeros(len(labels), dtype=torch.bool))
    return Scene(np.rint(ground.clip(0, 1) * 255).astype(np.uint8), mask, found)


def meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether two boxes share a pixel."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def letter(drawings: Bytes, generator: np.random.Generator) -> Floats:
    """The ink of a drawing in a random size, cut to its box: (H, W) in 0 .. 1."""
    side = int(generator.integers(*SIZES, endpoint=True))
    drawing = Image.fromarray(drawings[generator.integers(len(drawings))])
    ink = np.asarray(drawing.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / np.float32(255)
    rows, columns_ = (np.flatnonzero((ink > INK).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns_[0] : columns_[-1] + 1]


def strokes(generator: np.random.Generator) -> Floats:
    """Straight lines as bright as letters on a grey ground: (96, 96) in 0 .. 1."""
    canvas = Image.new("L", (SIDE, SIDE), int(generator.integers(0, 60)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(*STROKES, endpoint=True)):
        start = generator.uniform(0, SIDE, 2)
        end = start + generator.uniform(-30, 30, 2)
        pen.line((*start, *end), fill=int(generator.integers(130, 256)), width=int(generator.integers(1, 4)))
    return np.array(canvas, dtype=np.float32) / np.float32(255)
