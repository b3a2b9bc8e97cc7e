"""Transparency, and pictures of more than 8 bits."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig
from harness_datasets.decoding import read_picture
from harness_datasets.image_folder import ImageFolder
from PIL import Image

from harness import UsageError, UsageWarning
from tests.image_folders import load, paint


def test_transparency_becomes_white_and_sixteen_bits_keep_their_range(tmp_path: Path) -> None:
    glyph = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    glyph.paste((0, 0, 0, 255), (2, 2, 6, 6))
    glyph.save(tmp_path / "alpha.png")
    pixels = read_picture(tmp_path / "alpha.png", 8)
    assert (pixels[0, 0] == 255).all()
    assert (pixels[3, 3] == 0).all()
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png", 8)[..., 0], (ramp // 257).astype(np.uint8))
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(
        UsageError, match=r"float\.tiff cannot be read as a picture: its pixels are floats, whose range"
    ):
        read_picture(tmp_path / "float.tiff", 8)


def deep(file: Path, most: int, kind: Any = np.uint16) -> None:
    """A grey picture of so many values."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, most, 64).astype(kind).reshape(8, 8)
    if file.suffix == ".pgm":
        file.write_bytes(b"P5 8 8 65535\n" + ramp.astype(">u2").tobytes())
    else:
        Image.fromarray(ramp).save(file)


def wide(file: Path, most: int) -> None:
    """A PNG of 16 bits a value in colour, which Pillow does not write."""
    rows = np.linspace(0, most, 192).astype(">u2").reshape(8, 24)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    )
    chunks = [struct.pack(">I", len(x)) + name + x + struct.pack(">I", zlib.crc32(name + x)) for name, x in parts]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
@pytest.mark.parametrize(
    ("name", "kind", "most", "bits"),
    [
        ("png", np.uint16, 4095, 12),
        ("tif", np.uint16, 1000, 10),
        ("png", np.uint16, 255, 8),
        ("tif", np.int32, 16000, 14),
        ("pgm", np.uint16, 65535, 16),
    ],
)
def test_pictures_of_more_than_8_bits_use_the_range_of_the_set(
    name: str, kind: Any, most: int, bits: int, memory_gb: float, tmp_path: Path
) -> None:
    """One range for all splits, so that brightness means the same in all of them."""
    deep(tmp_path / f"p/train/a/dark.{name}", most // 2, kind)
    deep(tmp_path / f"p/test/a/bright.{name}", most, kind)
    dataset = ImageFolder(ImageFolderConfig(path=tmp_path / "p", memory_gb=memory_gb), tmp_path / "cache")
    splits = {split: part.samples[torch.arange(1)][0, 0] for split, part in dataset.load().items()}
    for split, top in (("train", most // 2), ("test", most)):
        expected = np.linspace(0, top, 64).astype(np.int64).reshape(8, 8) * 255 // (2**bits - 1)
        np.testing.assert_array_equal(splits[split].numpy(), expected)
    assert dataset.notes == ("squares of 8 pixels", f"16-bit values from 0 to {2**bits - 1:,} become 0 to 255")


def test_colour_of_16_bits_that_uses_few_is_warned_of(tmp_path: Path) -> None:
    wide(tmp_path / "p/train/a/0.png", 4095)
    with pytest.warns(
        UsageWarning, match=r"16 bits a value and use 12 of them; .* 16 levels are left\. Save them with 8"
    ):
        load(tmp_path / "p", tmp_path)
    wide(tmp_path / "p/train/a/1.png", 65535)
    with warnings.catch_warnings(action="error"):
        assert load(tmp_path / "p", tmp_path)["train"].samples.max() == 255


@pytest.mark.parametrize(("kind", "said"), [(np.float32, "its pixels are floats"), (np.int32, "it has values below 0")])
def test_values_without_a_range_are_refused_before_anything_is_streamed(kind: Any, said: str, tmp_path: Path) -> None:
    deep(tmp_path / "p/train/a/0.tif", -100, kind)
    with pytest.raises(UsageError, match=rf"0\.tif cannot be read as a picture: {said}"):
        load(tmp_path / "p", tmp_path, memory_gb=0.0)


def test_what_is_read_otherwise_now_has_another_identity(tmp_path: Path) -> None:
    """Only grey pictures of 16 bits are; before, results of theirs had the digest of their content alone."""
    content = {}
    for name, make in (("grey.png", deep), ("grey.tif", deep), ("colour.png", wide), ("eight.png", None)):
        file = tmp_path / name.partition(".")[0] / "train/a" / name
        if make is None:
            paint(file, 7, mode="L")
        else:
            make(file, 4095)
        content[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        plain = hashlib.sha256(f"train/a/{name}\0{content[name]}\n".encode()).hexdigest()
        same = ImageFolderConfig(path=file.parent.parent.parent).fingerprint() == f"3-{plain}"
        assert same == (not name.startswith("grey")), name
        file.unlink()
