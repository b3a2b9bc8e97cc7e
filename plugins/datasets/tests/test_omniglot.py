"""Omniglot: its splits on an imitation of its folders, and on the real drawings where a copy is at hand."""

from __future__ import annotations

import io
import lzma
import os
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_datasets import OmniglotConfig, omniglot
from harness_datasets.arrays import Arrays, hold_out
from harness_datasets.omniglot import Omniglot
from PIL import Image
from torchvision import datasets

from harness import UsageError

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("HARNESS_DATA") or ROOT.parent / "shared" / "data") / "omniglot.npz.xz"

BACKGROUND = ("Armenian", "Greek", "Latin")
EVALUATION = ("Gurmukhi", "Keble", "Angelic")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two characters of each of six alphabets, three drawings each, as the unpacked archives have them."""
    for part, alphabets in (("images_background", BACKGROUND), ("images_evaluation", EVALUATION)):
        for alphabet in alphabets:
            for character in ("character41", "character42"):
                place = tmp_path / datasets.Omniglot.folder / part / alphabet / character
                place.mkdir(parents=True)
                for drawing in range(3):
                    paper = np.full((105, 105), 255, np.uint8)
                    paper[10 : 20 + 30 * drawing, 50:60] = 0
                    Image.fromarray(paper).convert("1").save(place / f"0001_{drawing + 1:02d}.png")
    monkeypatch.setattr(datasets.Omniglot, "_check_integrity", lambda _: True)
    return tmp_path


def load(folder: Path, **options: Any) -> Any:
    return Omniglot(OmniglotConfig(download=False, **options), folder).load()


def test_lakes_split_is_that_of_the_archives(folder: Path) -> None:
    splits = load(folder, split="lake")
    assert {name.split("/")[0] for name in splits["train"].classes} == set(BACKGROUND)
    assert {name.split("/")[0] for name in splits["novel"].classes} == set(EVALUATION)
    assert list(splits) == ["train", "novel"]


def test_vinyals_split_cuts_one_alphabet(folder: Path) -> None:
    splits = load(folder)
    assert list(splits) == ["train", "validation", "novel"]
    assert splits["validation"].classes == ("Armenian/character41", "Armenian/character42")
    assert splits["novel"].classes == ("Gurmukhi/character42", "Keble/character41", "Keble/character42")
    assert "Gurmukhi/character41" in splits["train"].classes
    assert sum(len(split) for split in splits.values()) == 6 * 2 * 3


def test_ink_is_bright_and_grows_with_the_drawing(folder: Path) -> None:
    images = load(folder)["train"].samples
    assert images.shape[1:] == (1, 28, 28)
    assert images[:, 0, 0, 0].max() == 0
    assert images.amax((1, 2, 3)).min() > 200
    ink = images[:3].float().sum((1, 2, 3))
    assert ink[0] < ink[1] < ink[2]


def test_held_out_drawings_are_the_last_of_each_class(folder: Path) -> None:
    splits = load(folder, held_out=1)
    assert splits["train"].classes == splits["test"].classes
    assert {len(members) for members in splits["train"].by_class} == {2}
    assert {len(members) for members in splits["test"].by_class} == {1}
    assert (splits["test"].samples.float().sum((1, 2, 3)) > splits["train"].samples.float().sum((1, 2, 3)).max()).all()


def test_rotations_multiply_the_classes_of_every_split(folder: Path) -> None:
    plain, turned = load(folder, held_out=1), load(folder, held_out=1, rotations=True)
    assert set(turned) == {"train", "test", "validation", "novel"}
    for name in turned:
        assert len(set(turned[name].classes)) == 4 * len(plain[name].classes)
        assert len(turned[name]) == 4 * len(plain[name])


def test_options_and_absence_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"held_out must be 0 \.\. 19"):
        OmniglotConfig(held_out=20)
    with pytest.raises(UsageError, match="Omniglot is not in"):
        load(tmp_path)


def test_hold_out_takes_the_same_number_of_each_class_in_any_order() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0, 0])
    images = np.arange(7, dtype=np.uint8)[:, None, None]
    kept, held = hold_out(Arrays(images, labels, ("a", "b")), 2)
    assert kept.images.ravel().tolist() == [0, 1, 2]
    assert held.images.ravel().tolist() == [3, 4, 5, 6]


@pytest.fixture(scope="module")
def real() -> Any:
    if not SHARED.is_file():
        pytest.skip(f"the real drawings are not at hand ({SHARED.name} in $HARNESS_DATA)")
    return np.load(io.BytesIO(lzma.decompress(SHARED.read_bytes())))


def test_vinyals_rule_gives_the_published_lists(real: Any) -> None:
    names = [f"{alphabet}/{character}" for alphabet, character in zip(real["alphabet"], real["character"], strict=True)]
    published = [("train", "validation", "novel")[number] for number in real["vinyals"]]
    assert [omniglot.vinyals(name) for name in names] == published
    assert Counter(published) == {"train": 1028, "validation": 172, "novel": 423}


@pytest.fixture(scope="module")
def drawings(real: Any) -> dict[str, Arrays]:
    """All of them, as `fetch` gives them."""
    ink = np.unpackbits(real["packed"], axis=1)[:, :105]

    def part(number: int) -> Arrays:
        chosen = np.flatnonzero(real["split"] == number)
        rows = (chosen[:, None] * 20 + np.arange(20)).ravel()
        images = np.stack([omniglot.shrink(Image.fromarray(255 * ink[row])) for row in rows])
        names = tuple(f"{real['alphabet'][i]}/{real['character'][i]}" for i in chosen)
        return Arrays(images, np.arange(len(chosen)).repeat(20), names)

    return {"background": part(0), "evaluation": part(1)}


def test_real_drawings_in_both_splits(
    drawings: dict[str, Arrays], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Omniglot, "fetch", lambda _: drawings)
    lake, vinyals = load(tmp_path, split="lake"), load(tmp_path, split="vinyals", held_out=1)
    assert {name: len(split.classes) for name, split in lake.items()} == {"train": 964, "novel": 659}
    sizes = {name: len(split.classes) for name, split in vinyals.items()}
    assert sizes == {"train": 1028, "validation": 172, "novel": 423, "test": 1028}
    assert sum(len(split) for split in vinyals.values()) == 1623 * 20


@pytest.mark.parametrize("rotations", [False, True])
@pytest.mark.parametrize("split", ["vinyals", "lake"])
def test_no_real_drawing_and_no_class_is_in_two_splits(
    split: str, rotations: bool, drawings: dict[str, Arrays], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Omniglot, "fetch", lambda _: drawings)
    splits = load(tmp_path, split=split, rotations=rotations)
    images = {name: {image.tobytes() for image in part.samples.numpy()} for name, part in splits.items()}
    for one, other in combinations(splits, 2):
        assert not set(splits[one].classes) & set(splits[other].classes)
        assert not images[one] & images[other]
    # two drawers of one Braille character, both of `train` or both of `novel`, have drawn the same
    assert sum(map(len, images.values())) >= sum(map(len, splits.values())) - (4 if rotations else 1)
