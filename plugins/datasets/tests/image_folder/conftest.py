"""A cache of its own for each test, and folders of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.image_folders import COLOURS, paint


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "harness cache"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for split, names, endings in (
        ("train", ("red", "green"), ("png", "jpg")),
        ("test", ("green",), ("png",)),
        ("novel", ("blue", "white"), ("bmp", "png", "JPG")),
    ):
        for name in names:
            for number, ending in enumerate(endings):
                paint(folder / split / name / f"{number}.{ending}", COLOURS[name])
    (folder / "train" / "red" / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    return folder


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Two classes of pictures in colour, grey and transparent, of several sizes, kinds and orientations."""
    generator = np.random.default_rng(0)
    for split, number in (("train", 16), ("test", 6)):
        for name in ("a", "b"):
            folder = tmp_path / "noise" / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                height, width = generator.integers(9, 70, 2)
                picture = Image.fromarray(generator.integers(0, 256, (height, width, 4), dtype=np.uint8))
                mode, ending = (("RGB", "jpg"), ("L", "jpg"), ("RGBA", "png"), ("L", "png"), ("P", "png"))[i % 5]
                exif = Image.Exif()
                exif[0x0112] = 1 + i % 8
                picture.convert("RGB").convert(mode).save(folder / f"{i}.{ending}", exif=exif)
    return tmp_path / "noise"
