"""The embedded data set: what is a class, what is in which split, and that it is always the same."""

from __future__ import annotations

import hashlib
import time
import unicodedata
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_datasets import GlyphsConfig, fonts, glyphs, letters
from harness_datasets.glyphs import Glyphs

from harness import Split, UsageError, draw_episodes
from harness.testing.problem import image_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def built(folder: Path) -> tuple[Mapping[str, Split], float]:
    start = time.process_time()
    splits = Glyphs(GlyphsConfig(), folder).load()
    return splits, time.process_time() - start


@pytest.fixture(scope="module")
def splits(built: tuple[Mapping[str, Split], float]) -> Mapping[str, Split]:
    return built[0]


def test_it_has_over_five_hundred_classes_in_four_splits(splits: Mapping[str, Split]) -> None:
    assert list(splits) == ["train", "test", "validation", "novel"]
    sizes = {name: len(split.classes) for name, split in splits.items()}
    assert sizes["train"] >= 400
    assert sizes["novel"] >= 200
    assert sizes["train"] + sizes["validation"] + sizes["novel"] > 1000
    assert 6000 <= len(splits["train"]) <= 9000
    per_class = {"train": 16, "test": 4, "validation": 20, "novel": 20}
    for name, split in splits.items():
        assert {len(members) for members in split.by_class} == {per_class[name]}
        assert split.samples.shape[1:] == (1, 28, 28)


def test_no_class_and_no_script_is_in_two_class_disjoint_splits(splits: Mapping[str, Split]) -> None:
    assert splits["train"].classes == splits["test"].classes
    for one, other in combinations(("train", "validation", "novel"), 2):
        assert not set(splits[one].classes) & set(splits[other].classes)
        scripts = [{letters.script(name) for name in splits[name_of].classes} for name_of in (one, other)]
        assert not scripts[0] & scripts[1]


def test_no_image_occurs_twice(splits: Mapping[str, Split]) -> None:
    images = [image.numpy().tobytes() for split in splits.values() for image in split.samples]
    assert len(set(images)) == len(images)


def test_ink_is_bright_on_a_dark_ground_and_fills_most_of_the_picture(splits: Mapping[str, Split]) -> None:
    images = splits["train"].samples
    assert images.amax((1, 2, 3)).min() > 200
    assert images[:, :, 0].float().mean() < 5  # the first row
    ink = images.float().mean((1, 2, 3)) / 255
    assert ink.min() > 0.02
    assert ink.max() < 0.6


def test_it_is_built_quickly(built: tuple[Mapping[str, Split], float]) -> None:
    assert built[1] < 30  # seconds of processor time


def test_two_builds_are_equal_as_a_whole(splits: Mapping[str, Split]) -> None:
    def digest(images: torch.Tensor, labels: torch.Tensor) -> str:
        return hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()

    again = {name: glyphs.as_split(arrays) for name, arrays in glyphs.build().items()}
    assert again.keys() == splits.keys()
    for name, split in splits.items():
        assert again[name].classes == split.classes
        assert digest(again[name].samples, again[name].labels) == digest(split.samples, split.labels)


def test_the_cache_is_read_and_not_built_again(
    splits: Mapping[str, Split], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glyphs, "build", lambda: pytest.fail("built again"))
    again = Glyphs(GlyphsConfig(), folder).load()
    assert torch.equal(again["novel"].samples, splits["novel"].samples)
    assert not list(folder.glob("*.part"))


def test_the_fingerprint_follows_the_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = GlyphsConfig().fingerprint()
    files = [tmp_path / file.name for file in fonts.face_files()]
    for old, new in zip(fonts.face_files(), files, strict=True):
        new.write_bytes(old.read_bytes())
    fonts.content_version.cache_clear()
    monkeypatch.setattr(fonts, "face_files", lambda: files)
    assert fonts.content_version() == before
    files[3].write_bytes(files[3].read_bytes() + b"\0")
    fonts.content_version.cache_clear()
    assert fonts.content_version() != before
    fonts.content_version.cache_clear()


def test_a_missing_font_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FACES", ("NoSuchFace.ttf",))
    with pytest.raises(UsageError, match=r"NoSuchFace\.ttf"):
        fonts.face_files()


@pytest.mark.parametrize(
    ("character", "expected"), [("A", True), ("é", False), ("𝐀", False), ("ﻌ", False), ("3", False)]
)
def test_letters_are_neither_composed_nor_styled_copies(character: str, expected: bool) -> None:
    assert letters.is_letter(character) is expected


def test_every_class_is_a_plain_letter(splits: Mapping[str, Split]) -> None:
    for split in splits.values():
        for name in split.classes:
            assert unicodedata.normalize("NFKD", name) == name
            assert unicodedata.category(name) in ("Lu", "Ll", "Lo")


def test_look_alikes_of_other_scripts_are_one_class(splits: Mapping[str, Split]) -> None:
    everything = {name for split in splits.values() for name in split.classes}
    assert "A" in everything
    assert not everything & set("ΑАꓮ")  # Greek, Cyrillic and Lisu letters that look like A
    assert not everything & set("ΟОՕo")  # likewise O, Armenian among them, and the small letter, sizes being normalised
    assert {"Ψ", "Ж", "Ⴃ", "א"} <= everything


def test_merging_groups_equal_drawings_and_keeps_different_ones() -> None:
    drawings = np.zeros((4, 8, 8), np.float32)
    drawings[[0, 2], 2:6, 3] = 1  # Latin l and Hebrew vav as one stroke
    drawings[1, 3, 2:6] = 1
    drawings[3] = drawings[1]
    assert letters.merge(["l", "t", "ו", "ט"], drawings) == [["l", "ו"], ["t", "ט"]]
    assert letters.difference(drawings)[0, 2] == 0
    assert letters.difference(drawings)[0, 1] == pytest.approx(1 - 2 / 8)  # one of four inked pixels in common


def test_sampling_agrees_with_a_loop() -> None:
    generator = np.random.default_rng(0)
    pictures = generator.random((2, 6, 6), dtype=np.float32)
    y, x = generator.uniform(-1.6, 1.6, (2, 2, 6, 6)).astype(np.float32)
    expected = np.zeros_like(pictures)
    for n, i, j in np.ndindex(*pictures.shape):
        row, column = (y[n, i, j] + 1) / 2 * 5, (x[n, i, j] + 1) / 2 * 5
        for r, c in np.ndindex(6, 6):
            expected[n, i, j] += max(0, 1 - abs(row - r)) * max(0, 1 - abs(column - c)) * pictures[n, r, c]
    np.testing.assert_allclose(glyphs.sample(pictures, y, x), expected, atol=1e-5)


def test_novel_letters_can_be_told_apart_by_their_pixels(splits: Mapping[str, Split]) -> None:
    """Nearest neighbour on raw pixels is well above the 20 % of chance and well below perfect."""
    novel = image_data(splits, Glyphs.augmentation).split("novel")
    drawn = draw_episodes(novel.by_class, 5, 1, 5, 400, torch.Generator().manual_seed(0))
    pixels = torch.nn.functional.normalize(novel.samples.flatten(1).float(), dim=1)
    similarity = pixels[drawn.query] @ pixels[drawn.support].mT
    guess = drawn.support_labels.gather(1, similarity.argmax(-1))
    accuracy = (guess == drawn.query_labels).float().mean().item()
    assert 0.35 < accuracy < 0.85
