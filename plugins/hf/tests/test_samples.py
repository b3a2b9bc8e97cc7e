"""Samples, splits, classes and the identity of Hugging Face's data sets."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_datasets import ImageFolderConfig
from harness_datasets.image_folder import ImageFolder
from harness_hf import HfImagesConfig

from harness import StreamedImages
from harness.testing import check_dataset
from tests.hf_data import CLASSES, TEXT, datasets, images, picture, plain, rows, saved, several, sizes, texts

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="takes Hugging Face's datasets")


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
def test_pixels_are_those_of_a_folder_of_the_same_pictures(tmp_path: Path, memory_gb: float) -> None:
    """In memory, and streamed: whole pictures, and parts of them; of a split in two files."""
    path = tmp_path / "saved"
    parts = datasets.DatasetDict(train=rows(0, 12), test=rows(12, 4))
    parts.save_to_disk(path, num_shards={"train": 2, "test": 1})
    found = images(path, size=8, memory_gb=memory_gb).load()
    for i in range(16):
        place = tmp_path / "pictures" / ("train" if i < 12 else "test") / CLASSES[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture(i).save(place / f"{i:06d}.png")
    config = ImageFolderConfig(path=tmp_path / "pictures", size=8, memory_gb=memory_gb)
    expected = ImageFolder(config, tmp_path / "own").load()
    assert list(found) == list(expected) == ["train", "test"]
    for name, split in expected.items():
        order = torch.argsort(1 - found[name].labels, stable=True)  # folders are read class by class
        assert found[name].classes == tuple(CLASSES)  # in the order that the library has them
        assert torch.equal(1 - found[name].labels[order], split.labels)
        assert torch.equal(plain(found[name].samples)[order], plain(split.samples))
        if memory_gb:
            continue
        assert isinstance(found[name].samples, StreamedImages)
        assert isinstance(split.samples, StreamedImages)
        boxes = torch.tensor([[[1, 2, 6, 5], [0, 0, 13, 11]]]).expand(len(order), 2, 4)
        crops = found[name].samples.parts(order, boxes)
        assert torch.equal(crops, split.samples.parts(torch.arange(len(order)), boxes))


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
def test_pictures_conform(tmp_path: Path, memory_gb: float) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 12), validation=rows(12, 6))
    check_dataset("hf_images", path=path, size=8, memory_gb=memory_gb)


def test_texts_conform(tmp_path: Path) -> None:
    check_dataset("hf_texts", path=saved(tmp_path / "saved", train=rows(0, 12, **TEXT), validation=rows(12, 6, **TEXT)))


def test_texts_are_as_they_are_with_labels_and_without(tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 6, **TEXT), test=rows(6, 2, **TEXT))
    found = texts(path).load()
    assert list(found["train"].samples) == [f"text {i}" for i in range(6)]
    assert list(found["test"].samples) == ["text 6", "text 7"]
    assert found["train"].classes == tuple(CLASSES)
    assert found["train"].labels.tolist() == [0, 1, 0, 1, 0, 1]
    other = {"image": None, "label": None, "sentence": TEXT["text"]}
    dataset = texts(saved(tmp_path / "plain", train=rows(0, 40, **other)))
    splits = dataset.load()
    assert not splits["train"].labelled
    assert not splits["train"].columns
    assert sizes(splits)["train"] + sizes(splits)["test"] == 40
    assert dataset.notes == ("'test' is about 20 % of the samples, drawn by a hash of their names",)


@pytest.mark.parametrize(
    ("names", "options", "expected", "notes"),
    [
        (("train", "validation"), {}, {"train": 4, "test": 5}, ("'validation' is the split 'test'",)),
        (("train", "test", "validation"), {}, {"train": 4, "test": 5}, ("'validation' is left out",)),
        (
            ("train", "test", "validation", "unsupervised"),
            {"test": "validation"},
            {"train": 4, "test": 6},
            ("'validation' is the split 'test'", "'test' is left out", "'unsupervised' is left out"),
        ),
    ],
)
def test_what_becomes_of_their_splits_is_said(
    tmp_path: Path, names: tuple[str, ...], options: dict[str, str], expected: dict[str, int], notes: tuple[str, ...]
) -> None:
    from harness_hf import Splits

    path = saved(tmp_path / "saved", **{name: rows(10 * i, 4 + i, **TEXT) for i, name in enumerate(names)})
    dataset = texts(path, splits=Splits(**options))
    assert sizes(dataset.load()) == expected
    assert dataset.notes == notes


def test_a_split_that_was_saved_alone_is_divided(tmp_path: Path) -> None:
    rows(0, 40).save_to_disk(tmp_path / "saved")
    dataset = images(tmp_path / "saved", size=8)
    found = sizes(dataset.load())
    assert found["train"] + found["test"] == 40
    assert "'test' is about 20 % of each class, drawn by a hash of their names" in dataset.notes
    splits = images(tmp_path / "saved", size=8, novel=("ant",)).load()
    assert splits["novel"].classes == ("ant",)
    assert len(splits["novel"]) == 20


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        ((lambda i: ["10", "9"][i % 2], "string"), ("9", "10")),
        ((lambda i: ["x", "b"][i % 2], "large_string"), ("b", "x")),
        ((lambda i: [7, 30][i % 2], "int32"), ("7", "30")),
    ],
)
def test_labels_are_classes_texts_or_whole_numbers(tmp_path: Path, column: Any, classes: tuple[str, ...]) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4, label=column), test=rows(4, 2, label=column))
    for split in images(path).load().values():
        assert split.classes == classes
        assert split.classes[split.labels[0]] == str(column[0](0))


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("classes", tuple(CLASSES)),
        ("int64", ("0", "1")),
        ("string", ("c0", "c1")),
    ],
)
def test_lists_of_labels_become_targets(tmp_path: Path, kind: str, classes: tuple[str, ...]) -> None:
    options = {"label": None, "tags": several(kind)}
    dataset = images(saved(tmp_path / "saved", train=rows(0, 6, **options), test=rows(6, 3, **options)), labels="tags")
    splits = dataset.load()
    for name, times in (("train", 2), ("test", 1)):
        assert not splits[name].labelled
        assert splits[name].classes == classes
        assert splits[name].column("targets").dtype == torch.float32
        assert splits[name].column("targets").tolist() == [[1, 0], [0, 0], [1, 1]] * times
    assert "1 labels a picture" in dataset.notes


def test_content_and_options_are_the_identity_and_the_folder_is_not(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", train=rows(0, 6), test=rows(6, 2))
    shutil.copytree(one, tmp_path / "two")
    config = HfImagesConfig(path=one)
    assert config.fingerprint() == HfImagesConfig(path=tmp_path / "two").fingerprint()
    changed = [
        saved(tmp_path / "pixels", train=rows(1, 6), test=rows(6, 2)),
        saved(tmp_path / "splits", train=rows(0, 6), validation=rows(6, 2)),
    ]
    renamed = shutil.copytree(one, tmp_path / "names") / "train" / "dataset_info.json"
    renamed.write_text(renamed.read_text().replace("bee", "wasp"))
    found = [HfImagesConfig(path=path).fingerprint() for path in (*changed, tmp_path / "names")]
    others = [
        HfImagesConfig(path=one, **options).fingerprint()
        for options in ({"memory_gb": 1.0}, {"test": 0.5}, {"labels": "label"})
    ]
    assert len({config.fingerprint(), *found, *others}) == 7
