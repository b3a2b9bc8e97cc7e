"""The embedded data set: letters of many scripts, drawn in twelve faces with affine and elastic variation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # it ships no type information
from numpy.typing import NDArray
from PIL import Image, ImageFont

from harness import ImageDataset, Split
from harness_datasets.arrays import CHARACTERS, Arrays, as_split, cached
from harness_datasets.fonts import content_version, face_files
from harness_datasets.letters import SPLIT_OF, is_letter, merge, script

SIZE = 28  # of a drawing, in pixels
FINE = 2  # drawings are sampled this much finer and averaged
LONGER = 20 * FINE  # the longer side of every letter, whatever its size in the font
FONT_SIZE = 80  # large enough for hinting not to matter
LEAST_HEIGHT = 30  # of FONT_SIZE: smaller ones are marks or raised copies of other letters
LEAST_FACES = 2
DRAWINGS, TRAINING = 20, 16  # per class; of a base class the first 16 are `train`, the others `test`
SEED = 20_260_101

Floats = NDArray[np.float32]


class Glyphs(ImageDataset):
    """`train` and `test`: drawings of base classes; `validation`, `novel`: classes of further scripts; uint8 28x28."""

    augmentation = CHARACTERS

    def load(self) -> Mapping[str, Split]:
        splits = cached(self.folder / f"glyphs-{content_version()}.npz", build)
        return {name: as_split(arrays) for name, arrays in splits.items()}


@dataclass(frozen=True)
class Face:
    """A font file and the characters it has."""

    font: ImageFont.FreeTypeFont
    characters: frozenset[str]

    @classmethod
    def open(cls, file: Path) -> Face:
        font = ImageFont.truetype(file, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
        return cls(font, frozenset(map(chr, TTFont(file).getBestCmap())))

    def draw(self, character: str) -> Image.Image:
        """The ink of a character, cropped to its bounding box."""
        mask = self.font.getmask(character, mode="L")
        ink = Image.frombytes("L", mask.size, bytes(mask))
        return ink.crop(ink.getbbox())


def build() -> dict[str, Arrays]:
    """Draw everything, in a few seconds. The same fonts and the same Pillow give the same bytes."""
    faces = [Face.open(file) for file in face_files()]
    images: dict[str, list[NDArray[np.uint8]]] = {}
    classes: dict[str, list[str]] = {}
    for members in merge(*candidates(faces)):
        leader = members[0]
        split = SPLIT_OF[script(leader)]
        images.setdefault(split, []).append(drawings(leader, faces))
        classes.setdefault(split, []).append(leader)
    arrays = {split: pack(np.stack(images[split]), classes[split]) for split in images if split != "train"}
    base = np.stack(images["train"])
    return {
        "train": pack(base[:, :TRAINING], classes["train"]),
        "test": pack(base[:, TRAINING:], classes["train"]),
        **arrays,
    }


def pack(images: NDArray[np.uint8], classes: list[str]) -> Arrays:
    """(classes, drawings, H, W) -> a split's arrays."""
    labels = np.arange(len(classes)).repeat(images.shape[1])
    return Arrays(images.reshape(-1, SIZE, SIZE), labels, tuple(classes))


def candidates(faces: list[Face]) -> tuple[list[str], Floats]:
    """All letters of the reference face that enough faces have, and a drawing of each: (N, 28, 28) in 0 .. 1."""
    characters, masters = [], []
    for character in sorted(faces[0].characters):
        if is_letter(character) and sum(character in face.characters for face in faces) >= LEAST_FACES:
            ink = faces[0].draw(character)
            if max(ink.size) >= LEAST_HEIGHT:
                characters.append(character)
                masters.append(normalized(ink))
    return characters, pooled(np.stack(masters))


def normalized(ink: Image.Image) -> Floats:
    """Scale the longer side to LONGER and centre: (56, 56) in 0 .. 1."""
    scale = LONGER / max(ink.size)
    width, height = (max(1, round(side * scale)) for side in ink.size)
    canvas = Image.new("L", (SIZE * FINE, SIZE * FINE))
    small = ink.resize((width, height), Image.Resampling.BOX)
    canvas.paste(small, ((canvas.width - width) // 2, (canvas.height - height) // 2))
    return np.asarray(canvas, dtype=np.float32) / np.float32(255)


def drawings(character: str, faces: list[Face]) -> NDArray[np.uint8]:
    """DRAWINGS variations of a character, faces in a random order of its own: uint8 (DRAWINGS, 28, 28)."""
    generator = np.random.default_rng((SEED, ord(character)))
    having = [face for face in faces if character in face.characters]
    masters = [normalized(face.draw(character)) for face in having]
    order = generator.permutation(DRAWINGS) % len(having)
    fine = distort(np.stack([masters[i] for i in order]), generator)
    return np.rint(pooled(fine) * 255).clip(0, 255).astype(np.uint8)


def pooled(fine: Floats) -> Floats:
    """(N, 56, 56) -> (N, 28, 28)"""
    rows = fine[:, 0::FINE] + fine[:, 1::FINE]
    return np.asarray((rows[:, :, 0::FINE] + rows[:, :, 1::FINE]) / FINE**2, dtype=np.float32)


def distort(masters: Floats, generator: np.random.Generator) -> Floats:
    """A random affine map and a random smooth displacement of each picture: (N, S, S) -> (N, S, S)."""
    number, side = masters.shape[:2]
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    y, x = axis[:, None], axis[None, :]
    a = affine_maps(number, generator)[..., None, None]
    source_x = a[:, 0, 0] * x + a[:, 0, 1] * y + a[:, 0, 2] + smooth_fields(number, side, generator)
    source_y = a[:, 1, 0] * x + a[:, 1, 1] * y + a[:, 1, 2] + smooth_fields(number, side, generator)
    return sample(masters, source_y, source_x)


def affine_maps(number: int, generator: np.random.Generator) -> Floats:
    """Turn up to 10 degrees, shear up to .15, stretch each axis by .87 to 1.15, shift up to 2 of 28 pixels.

    (N, 2, 3), for coordinates of -1 .. 1.
    """
    turn = np.deg2rad(generator.uniform(-10, 10, number))
    shear = generator.uniform(-0.15, 0.15, number)
    wide, high = np.exp(generator.uniform(-0.14, 0.14, (2, number)))
    cos, sin = np.cos(turn), np.sin(turn)
    shift = generator.uniform(-2 / 14, 2 / 14, (2, number))
    rows = [[wide * cos, wide * (shear * cos - sin), shift[0]], [high * sin, high * (shear * sin + cos), shift[1]]]
    return np.moveaxis(np.array(rows, dtype=np.float32), 2, 0)


def smooth_fields(number: int, side: int, generator: np.random.Generator, knots: int = 5) -> Floats:
    """Smooth displacements, (N, S, S): random at 5x5 knots, up to 1.4 of 28 pixels, raised cosines between."""
    place = np.linspace(0, knots - 1, side)[:, None] - np.arange(knots)
    weights = np.where(np.abs(place) < 1, 0.5 + 0.5 * np.cos(np.pi * place), 0).astype(np.float32)
    values = generator.uniform(-1.4 / 14, 1.4 / 14, (number, knots, knots)).astype(np.float32)
    return np.asarray(weights @ values @ weights.T, dtype=np.float32)


def sample(pictures: Floats, y: Floats, x: Floats) -> Floats:
    """Bilinear samples of (N, S, S) at coordinates in -1 .. 1, (N, S, S) each; there is no ink outside."""
    number, side = pictures.shape[:2]
    padded = np.pad(pictures, ((0, 0), (1, 2), (1, 2)))
    y, x = (((c + 1) / 2 * (side - 1) + 1).clip(0, side + 1) for c in (y, x))
    top, left = y.astype(np.int32), x.astype(np.int32)
    down, right = y - top, x - left
    wide = side + 3
    corner = (np.arange(number, dtype=np.int32)[:, None, None] * wide + top) * wide + left
    values = padded.ravel()
    upper = values.take(corner) * (1 - right) + values.take(corner + 1) * right
    lower = values.take(corner + wide) * (1 - right) + values.take(corner + wide + 1) * right
    return upper * (1 - down) + lower * down
