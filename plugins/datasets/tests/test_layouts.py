"""Folders as people have them: what becomes train, test and novel."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig
from harness_datasets.image_folder import ImageFolder
from harness_datasets.pictures import Listed, Listing
from PIL import Image

from harness import UsageError
from harness.testing import check_dataset


def touch(folder: Path, classes: Iterable[str], number: int) -> None:
    """Files that are listed, and never opened."""
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(number):
            (folder / name / f"{i}.png").touch()


def listing(path: Path, **options: Any) -> Listing:
    return ImageFolderConfig(path=path, **options).listing()


def names(part: Listed) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in part.paths}


def counts(part: Listed) -> list[int]:
    return [part.labels.count(label) for label in range(len(part.classes))]


@pytest.mark.parametrize("name", ["val", "valid", "dev", "eval"])
def test_val_is_the_split_test(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "train", "ab", 3)
    touch(tmp_path / name, "b", 2)
    found = listing(tmp_path)
    assert list(found.splits) == ["train", "test"]
    assert found.splits["test"].classes == ("a", "b")
    assert found.splits["test"].labels == [1, 1]
    assert found.notes == (f"'{name}' is the split 'test'",)
    before = ImageFolderConfig(path=tmp_path).fingerprint()
    (tmp_path / name).rename(tmp_path / "test")
    assert ImageFolderConfig(path=tmp_path).fingerprint() == before  # the same data


def test_beside_test_val_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "train", "ab", 3)
    touch(tmp_path / "test", "ab", 2)
    plain = ImageFolderConfig(path=tmp_path)
    before = plain.fingerprint()
    touch(tmp_path / "val", "ab", 4)
    found = listing(tmp_path)
    assert {name: len(part.paths) for name, part in found.splits.items()} == {"train": 6, "test": 4}
    assert found.notes == ("'val' is left out, as there is 'test'",)
    assert plain.fingerprint() == before


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_class_that_train_lacks_is_named(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "train", "ab", 2)
    touch(tmp_path / name, "bc", 2)
    with pytest.raises(UsageError, match=f"class 'c' is in '{name}' but not in 'train'; new classes belong in 'novel'"):
        listing(tmp_path)
    (tmp_path / name).rename(tmp_path / "validation")
    with pytest.raises(UsageError, match=r"class 'b' is in 'train' and in 'validation'.* call it 'val'\."):
        listing(tmp_path)


def test_one_folder_of_classes_has_a_fifth_of_each_class_in_test(tmp_path: Path) -> None:
    touch(tmp_path, "abc", 200)
    found = listing(tmp_path)
    train, test = found.splits["train"], found.splits["test"]
    assert train.classes == test.classes == ("a", "b", "c")
    assert found.notes == ("'test' is about 20 % of each class, drawn by a hash of their paths",)
    assert not names(train) & names(test)
    assert [one + other for one, other in zip(counts(train), counts(test), strict=True)] == [200] * 3
    # ten classes of 200: each count is binomial, of mean 40 and deviation 5.7, and the names are fixed
    assert all(20 <= count <= 60 for count in counts(test))
    assert {name[2:] for name in names(test) if name[0] == "a"} != {name[2:] for name in names(test) if name[0] == "b"}
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    assert names(listing(moved).splits["test"]) == names(test)
    moved.rename(tmp_path)


def test_pictures_that_are_added_or_removed_move_no_other(tmp_path: Path) -> None:
    touch(tmp_path, "abc", 50)
    before = names(listing(tmp_path).splits["test"])
    touch(tmp_path, "abcd", 80)
    (tmp_path / "a/0.png").unlink()
    after = listing(tmp_path)
    kept = {f"{name}/{i}.png" for name in "abc" for i in range(50)} - {"a/0.png"}
    assert names(after.splits["test"]) & kept == before & kept
    assert names(after.splits["test"]) - kept


def test_a_small_class_is_in_both_splits_and_a_single_picture_in_train(tmp_path: Path) -> None:
    touch(tmp_path, [f"class {number}" for number in range(20)], 2)
    touch(tmp_path, ["one"], 1)
    splits = listing(tmp_path, test=0.001).splits
    assert counts(splits["train"]) == [1] * 21
    assert counts(splits["test"]) == [1] * 20 + [0]


def test_a_share_can_be_held_out_of_train_alone(tmp_path: Path) -> None:
    touch(tmp_path / "train", "ab", 100)
    assert list(listing(tmp_path).splits) == ["train"]  # as it was
    held = listing(tmp_path, test=0.5).splits["test"]
    assert all(30 <= count <= 70 for count in counts(held))
    touch(tmp_path / "val", "ab", 1)
    with pytest.raises(UsageError, match="has a split 'test': leave the option 'test' out"):
        listing(tmp_path, test=0.5)


@pytest.mark.parametrize("layout", ["train", "train and test", "classes"])
@pytest.mark.parametrize("novel", [0.4, ("c", "b")])
def test_novel_classes_are_split_off_with_all_their_pictures(layout: str, novel: Any, tmp_path: Path) -> None:
    for part in {"train": ["train"], "train and test": ["train", "test"], "classes": ["."]}[layout]:
        touch(tmp_path / part, "abcde", 10)
    found = listing(tmp_path, novel=novel)
    part = found.splits["novel"]
    assert len(part.classes) == 2
    assert part.classes == (("b", "c") if isinstance(novel, tuple) else part.classes)
    assert counts(part) == [10 * (1 + (layout == "train and test"))] * 2
    assert set(found.splits["train"].classes) == set("abcde") - set(part.classes)
    for split in found.splits.values():
        assert [split.classes[label] for label in split.labels] == [path.parent.name for path in split.paths]
    assert ("test" in found.splits) == (layout != "train")
    assert any("novel" in note for note in found.notes) == isinstance(novel, float)
    one, other = (ImageFolderConfig(path=tmp_path, novel=each).fingerprint() for each in (novel, None))
    assert one != other


def test_options_that_do_not_fit_the_folder_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["oak", "ash"], 2)
    with pytest.raises(UsageError, match=r"has no class 'oka' for the split 'novel'\. Did you mean 'oak'\?"):
        listing(tmp_path, novel=("oka",))
    for novel in (("oak", "ash"), ()):
        with pytest.raises(UsageError, match=f"has 2 classes, and 'novel' takes {len(novel)}"):
            listing(tmp_path, novel=novel)
    for share in (0.0, 1.0, -0.1):
        for name in ("test", "novel"):
            with pytest.raises(ValueError, match=f"{name} is a share, above 0 and below 1"):
                ImageFolderConfig(path=tmp_path, **{name: share})  # type: ignore[arg-type]
    touch(tmp_path / "train", "ab", 1)
    with pytest.raises(UsageError, match=r"ash is not a split"):
        listing(tmp_path)
    for name in ("oak", "ash"):
        (tmp_path / name).rename(tmp_path.parent / f"{tmp_path.name} {name}")
    touch(tmp_path / "novel", "c", 1)
    with pytest.raises(UsageError, match="has a split 'novel': leave the option 'novel' out"):
        listing(tmp_path, novel=0.5)


def test_folders_without_classes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no folders; each class needs one with its pictures"):
        listing(tmp_path)
    (tmp_path / "1.png").touch()
    with pytest.raises(UsageError, match=r"has 1 pictures, but no folders; .* image_list"):
        listing(tmp_path)
    touch(tmp_path / "val", "ab", 1)
    with pytest.raises(UsageError, match=r"needs a folder 'train' .* or has folders of classes alone.*; it has val\."):
        listing(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train/1.png").touch()
    with pytest.raises(UsageError, match="train has no folders; each class needs one"):
        listing(tmp_path)


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
def test_one_folder_of_classes_conforms(memory_gb: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    for name in "abc":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    check_dataset("image_folder", path=tmp_path / "pictures", novel=("c",), memory_gb=memory_gb)
    config = ImageFolderConfig(path=tmp_path / "pictures", novel=("c",), memory_gb=memory_gb)
    with warnings.catch_warnings(action="error"):
        splits = ImageFolder(config, tmp_path / "own").load()
    part = config.listing().splits["test"]
    expected = [torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1) for path in part.paths]
    assert torch.equal(splits["test"].samples[torch.arange(len(part.paths))], torch.stack(expected))
