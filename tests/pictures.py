"""Generated pictures where a suite has those of its user."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image


def few_shot_folder(folder: Path, side: int = 32, classes: int = 6, per_class: int = 8) -> None:
    """`train`, `validation` and `novel`, each with classes of its own: a colour under noise. A folder of another name
    has other pictures."""
    draw = np.random.default_rng(crc32(folder.name.encode()))
    for split in ("train", "validation", "novel"):
        for number in range(classes):
            place = folder / split / f"{split}{number}"
            place.mkdir(parents=True)
            colour = draw.integers(40, 216, 3)
            for each in range(per_class):
                pixels = colour + draw.integers(-40, 40, (side, side, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{each}.png")
