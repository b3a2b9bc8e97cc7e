"""The sets that need no download, and a user's own arrays and pictures, keep the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.testing import check_dataset


@pytest.mark.parametrize("name", ["digits", "glyphs"])
def test_sets_at_hand_conform(name: str) -> None:
    check_dataset(name)


@pytest.mark.parametrize("rotations", [False, True])
def test_npz_conforms(tmp_path: Path, rotations: bool) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, 6, 8, 8), dtype=np.uint8)
    labels = [0, 0, 1, 1, 2, 2]
    parts = {f"{name}_images": part for name, part in zip(("train", "test", "novel"), images, strict=True)}
    np.savez(tmp_path / "mine.npz", **parts, train_labels=labels, test_labels=labels, novel_labels=labels)
    check_dataset("npz", path=tmp_path / "mine.npz", rotations=rotations)


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
def test_image_folder_conforms(tmp_path: Path, memory_gb: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and streamed."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for split, classes in (("train", "ab"), ("test", "ab"), ("novel", "cd")):
        for name in classes:
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = generator.integers(0, 256, (12, 10, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    check_dataset("image_folder", path=tmp_path / "pictures", size=8, memory_gb=memory_gb)
