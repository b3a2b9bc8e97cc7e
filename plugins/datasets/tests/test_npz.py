"""A user's own arrays: what is read, how classes are numbered, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import NpzConfig
from harness_datasets.npz import Npz
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Augmentation, UsageError


def grey(number: int, side: int = 6) -> Any:
    return np.random.default_rng(number).integers(0, 256, (number, side, side), dtype=np.uint8)


def write(folder: Path, **arrays: Any) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **arrays)
    return path


def load(path: Path, **options: Any) -> Any:
    return Npz(NpzConfig(path=path, **options), path.parent).load()


def test_the_readme_recipe(tmp_path: Path) -> None:
    images = grey(6)
    splits = load(write(tmp_path, train_images=images, train_labels=[3, 3, 5, 5, 9, 9]))
    assert splits["train"].classes == ("3", "5", "9")
    assert splits["train"].labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(splits["train"].samples, torch.from_numpy(images)[:, None])


@pytest.mark.parametrize(("kind", "most", "bits"), [("uint16", 4095, 12), ("uint16", 65535, 16), ("uint32", 200, 8)])
def test_larger_integers_use_the_range_of_all_splits(kind: str, most: int, bits: int, tmp_path: Path) -> None:
    images = np.linspace(0, most, 72).astype(kind).reshape(2, 6, 6)
    path = write(tmp_path, train_images=images // 2, train_labels=[0, 1], test_images=images, test_labels=[0, 1])
    dataset = Npz(NpzConfig(path=path), tmp_path)
    splits = dataset.load()
    for split, expected in (("train", images // 2), ("test", images)):
        np.testing.assert_array_equal(
            splits[split].samples[:, 0].numpy(), expected.astype(np.int64) * 255 // (2**bits - 1)
        )
    assert dataset.notes == (f"values from 0 to {2**bits - 1:,} become 0 to 255",)
    write(tmp_path, train_images=images.astype(np.uint8), train_labels=[0, 1])
    dataset.load()
    assert dataset.notes == ()


def test_channels_go_first(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)
    splits = load(write(tmp_path, train_images=images, train_labels=np.arange(4)))
    assert splits["train"].samples.shape[1:] == (3, 5, 7)
    assert torch.equal(splits["train"].samples[2, 1], torch.from_numpy(images)[2, :, :, 1])


def test_many_channels_in_the_last_place_are_no_size(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 12), dtype=np.uint8)
    splits = load(write(tmp_path, train_images=images, train_labels=np.arange(40)))
    assert splits["train"].samples.shape[1:] == (12, 8, 8)


def test_a_column_of_labels_is_a_list(tmp_path: Path) -> None:
    splits = load(write(tmp_path, train_images=grey(4), train_labels=np.array([[1], [0], [1], [1]])))
    assert splits["train"].labels.tolist() == [1, 0, 1, 1]


def test_test_shares_the_classes_of_train(tmp_path: Path) -> None:
    path = write(
        tmp_path, train_images=grey(4), train_labels=[2, 10, 2, 7], test_images=grey(2), test_labels=np.uint8([10, 2])
    )
    splits = load(path)
    assert splits["test"].classes == splits["train"].classes == ("2", "7", "10")
    assert splits["test"].labels.tolist() == [2, 0]


def test_labels_index_the_common_list(tmp_path: Path) -> None:
    names = np.array(["ant", "bee", "cat", "dog"])
    path = write(
        tmp_path,
        classes=names,
        train_images=grey(3),
        train_labels=[3, 0, 3],
        novel_images=grey(2),
        novel_labels=[1, 2],
    )
    splits = load(path)
    assert [splits["train"].classes[i] for i in splits["train"].labels] == ["dog", "ant", "dog"]
    assert [splits["novel"].classes[i] for i in splits["novel"].labels] == ["bee", "cat"]


def test_labels_index_the_list_of_their_own_split(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        train_classes=["ant", "bee"],
        train_images=grey(3),
        train_labels=[0, 1, 0],
        test_classes=["bee", "ant"],
        test_images=grey(2),
        test_labels=[0, 1],
        novel_classes=["cat", "dog", "eel"],
        novel_images=grey(3),
        novel_labels=[0, 1, 2],
    )
    splits = load(path)
    assert [splits["test"].classes[i] for i in splits["test"].labels] == ["bee", "ant"]
    assert splits["test"].classes == splits["train"].classes
    assert splits["novel"].classes == ("cat", "dog", "eel")


def test_without_names_novel_numbers_are_classes_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path, train_images=grey(2), train_labels=[0, 1], novel_images=grey(2), novel_labels=[0, 1])
    splits = load(path)
    assert not set(splits["train"].classes) & set(splits["novel"].classes)


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_numbering_keeps_samples_of_one_class_together(
    labels: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    splits = load(write(tmp_path_factory.mktemp("any"), train_images=grey(len(labels)), train_labels=labels))
    split = splits["train"]
    assert [int(split.classes[i]) for i in split.labels] == labels
    assert all(len(members) for members in split.by_class)


def test_rotations_make_further_classes_in_every_split(tmp_path: Path) -> None:
    images = grey(3)
    path = write(
        tmp_path,
        train_images=images,
        train_labels=[0, 1, 1],
        test_images=grey(1),
        test_labels=[1],
        novel_images=grey(2),
        novel_labels=[0, 1],
    )
    splits = load(path, rotations=True)
    assert len(splits["train"].classes) == len(set(splits["train"].classes)) == 8
    assert len(splits["novel"].classes) == 8
    assert splits["test"].classes == splits["train"].classes
    for turns in range(4):
        expected = torch.rot90(torch.from_numpy(images), turns, (1, 2))
        assert torch.equal(splits["train"].samples[3 * turns : 3 * turns + 3, 0], expected)
        assert splits["train"].labels[3 * turns : 3 * turns + 3].tolist() == [2 * turns, 2 * turns + 1, 2 * turns + 1]


def test_rotations_need_squares(tmp_path: Path) -> None:
    path = write(tmp_path, train_images=np.zeros((2, 4, 6), np.uint8), train_labels=[0, 1])
    with pytest.raises(UsageError, match="square images, not 4x6"):
        load(path, rotations=True)


def test_characters_are_not_flipped_and_photos_are_unless_told_otherwise(tmp_path: Path) -> None:
    def augmentation(images: Any, **options: Any) -> Augmentation:
        dataset = Npz(NpzConfig(path=write(tmp_path, train_images=images, train_labels=[0, 1]), **options), tmp_path)
        dataset.load()
        return dataset.augmentation

    colour = np.zeros((2, 4, 4, 3), np.uint8)
    assert augmentation(grey(2)).flip is None
    assert augmentation(grey(2)).rotate == 15
    assert augmentation(colour).flip == 0.5
    assert augmentation(colour, augmentation=Augmentation(flip=0.0)).flip == 0
    assert augmentation(colour, augmentation=Augmentation(flip=0.0)).crop == (0.08, 1.0)


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    path = write(tmp_path, train_images=grey(2), train_labels=[0, 1])
    before = NpzConfig(path=path).fingerprint()
    moved = path.rename(tmp_path / "moved.npz")
    assert NpzConfig(path=moved).fingerprint() == before
    moved.write_bytes(moved.read_bytes() + b"\0")
    assert NpzConfig(path=moved).fingerprint() != before


GOOD: dict[str, Any] = {"train_images": grey(4), "train_labels": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": None}, "has no 'train_images'; it has train_labels"),
        ({"train_labels": None}, "has no 'train_labels'"),
        ({"tset_images": grey(2)}, "'tset_images' is not one of .* Did you mean 'test_images'"),
        ({"test_images": grey(2)}, "split 'test', but no 'test_labels'"),
        ({"train_images": grey(4) / 255}, "must be uint8, not float64; scale them to 0 .. 255"),
        ({"train_images": grey(4).astype(np.int32)}, "must be uint8, not int32; scale them to 0 .. 255"),
        (
            {"train_images": grey(4).astype(np.uint16), "test_images": grey(4), "test_labels": [0, 1, 0, 1]},
            "'train_images' is uint16, 'test_images' is uint8; the images of all splits must have the same type",
        ),
        ({"train_images": grey(4).reshape(4, 36)}, r"must be \(N, H, W\) or \(N, H, W, C\), not \(4, 36\)"),
        ({"train_images": np.zeros((0, 3, 3), np.uint8), "train_labels": np.zeros(0, int)}, r"not \(0, 3, 3\)"),
        ({"train_images": np.zeros((4, 3, 8, 8), np.uint8)}, "channels first; put them last"),
        ({"train_images": np.zeros((4, 3, 2, 8), np.uint8)}, "channels first; put them last"),
        ({"train_labels": [0, -1, 1, -1]}, "2 of the 4 'train_labels' are below 0.*leave out samples"),
        ({"train_labels": np.int8([-1, 1, -1, 1])}, "2 of the 4 'train_labels' are below 0"),
        ({"val_images": grey(2), "val_labels": [0, 1]}, "'val_images' is not one of .* call it 'test_images' or put"),
        (
            {"dev_labels": [0, 1]},
            "'dev_labels' is not one of .* 'novel_labels' are for classes that 'train' does not have",
        ),
        ({"train_labels": [0, 1, 1]}, "has 4 samples, but 'train_labels' has 3"),
        ({"train_labels": [0.0, 1.0, 1.0, 0.0]}, "must be integers"),
        ({"classes": ["ant"]}, r"must be in 0 .. 0, the indices of 'classes', not 0 .. 1"),
        ({"classes": ["ant", "ant"]}, "'classes' must be a list of different names"),
        ({"test_images": grey(2), "test_labels": [1, 2]}, "class '2' is in 'test' but not in 'train'.*'novel'"),
        (
            {"classes": ["ant", "bee"], "novel_images": grey(2), "novel_labels": [1, 1]},
            "class 'bee' is in 'train' and in 'novel', which must share no class",
        ),
        ({"train_images": np.array([None, {}], dtype=object)}, "cannot be read"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    arrays = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(UsageError, match=message):
        load(write(tmp_path, **arrays))


def test_a_missing_file_is_named_before_anything_loads(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*none\.npz"):
        NpzConfig(path=tmp_path / "none.npz").fingerprint()
    with pytest.raises(UsageError, match=r"there is no file .*none\.npz"):
        load(tmp_path / "none.npz")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("no archive")
    with pytest.raises(UsageError, match=r"is no \.npz file"):
        load(path)
