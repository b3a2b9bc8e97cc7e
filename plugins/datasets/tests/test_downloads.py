"""torchvision's sets, read from small imitations of their files: no test needs a network."""

from __future__ import annotations

import hashlib
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import DownloadConfig, photos
from harness_datasets.photos import names
from torchvision import datasets

from harness import UsageError
from harness.testing import check_dataset

FINE = names(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard "
    "lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear "
    "pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark "
    "shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone "
    "television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm "
)

OFFLINE = DownloadConfig(download=False)


def pickled(file: Path, content: Any) -> str:
    """Write it as CIFAR's files are; the MD5 that torchvision wants to see."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(content))
    return hashlib.md5(file.read_bytes()).hexdigest()


def imitate_cifar(
    folder: Path, source: Any, labels: str, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two training images and one test image of each class, of random pixels."""
    generator = np.random.default_rng(0)
    base = folder / source.base_folder

    def batch(file: str, per_class: int) -> list[str]:
        rows = generator.permutation(len(classes) * per_class)
        data = generator.integers(0, 256, (len(rows), 3072), dtype=np.uint8)
        return [file, pickled(base / file, {"data": data, labels: (rows % len(classes)).tolist()})]

    meta = {**source.meta, "md5": pickled(base / source.meta["filename"], {source.meta["key"]: list(classes)})}
    monkeypatch.setattr(source, "train_list", [batch("train", 2)])
    monkeypatch.setattr(source, "test_list", [batch("test", 1)])
    monkeypatch.setattr(source, "meta", meta)


@pytest.fixture
def cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    imitate_cifar(tmp_path, datasets.CIFAR100, "fine_labels", FINE, monkeypatch)
    return tmp_path


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = tuple(f"kind {i}" for i in range(10))
    imitate_cifar(tmp_path, datasets.CIFAR10, "labels", kinds, monkeypatch)
    splits = photos.Cifar10(OFFLINE, tmp_path).load()
    assert {name: len(split) for name, split in splits.items()} == {"train": 20, "test": 10}
    assert splits["train"].classes == splits["test"].classes == kinds
    raw = pickle.loads((tmp_path / datasets.CIFAR10.base_folder / "train").read_bytes())
    assert splits["train"].labels.tolist() == raw["labels"]
    assert torch.equal(splits["train"].samples, torch.from_numpy(raw["data"]).reshape(-1, 3, 32, 32))


def test_cifar100(cifar100: Path) -> None:
    splits = photos.Cifar100(OFFLINE, cifar100).load()
    assert splits["train"].classes == FINE
    assert len(splits["test"]) == 100


@pytest.mark.parametrize(("kind", "sizes"), [(photos.CifarFS, (64, 16, 20)), (photos.FC100, (60, 20, 20))])
def test_few_shot_divisions_of_cifar100(cifar100: Path, kind: Any, sizes: tuple[int, ...]) -> None:
    splits = kind(OFFLINE, cifar100).load()
    whole = photos.Cifar100(OFFLINE, cifar100).load()
    assert list(splits) == ["train", "validation", "novel"]
    assert tuple(len(split.classes) for split in splits.values()) == sizes
    assert sorted(name for split in splits.values() for name in split.classes) == list(FINE)
    belongs = {
        image.numpy().tobytes(): split.classes[label]
        for split in whole.values()
        for image, label in zip(split.samples, split.labels, strict=True)
    }
    seen = set()
    for split in splits.values():
        assert {len(members) for members in split.by_class} == {3}  # the training and the test images together
        for image, label in zip(split.samples, split.labels, strict=True):
            assert belongs[image.numpy().tobytes()] == split.classes[label]
            seen.add(image.numpy().tobytes())
    assert seen == set(belongs)


@pytest.mark.parametrize("name", ["cifar100", "cifar_fs", "fc100"])
def test_they_conform(name: str, cifar100: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cifar100 / name).symlink_to(cifar100)
    monkeypatch.setenv("HARNESS_CACHE", str(cifar100))
    check_dataset(name, download=False)


def test_fc100_keeps_superclasses_together() -> None:
    """As in the paper's appendix: none of the 20 superclasses is in two splits, so 5 classes of each are in one."""
    people = {"baby", "boy", "girl", "man", "woman"}
    trees = {"maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"}
    carnivores = {"bear", "leopard", "lion", "tiger", "wolf"}
    assert people <= set(photos.FC100_NOVEL)
    assert carnivores <= set(photos.FC100_VALIDATION)
    assert not trees & {*photos.FC100_NOVEL, *photos.FC100_VALIDATION}
    assert not set(photos.FC100_NOVEL) & set(photos.FC100_VALIDATION)
    assert not set(photos.CIFAR_FS_NOVEL) & set(photos.CIFAR_FS_VALIDATION)


def test_stl10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / datasets.STL10.base_folder
    base.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "test"):
        images.transpose(0, 1, 3, 2).tofile(base / f"{part}_X.bin")  # the files hold columns first
        np.array([1, 10, 3, 3], np.uint8).tofile(base / f"{part}_y.bin")  # and count from 1
    (base / "class_names.txt").write_text("\n".join(f"kind {i}" for i in range(10)))
    monkeypatch.setattr(datasets.STL10, "_check_integrity", lambda _: True)
    splits = photos.Stl10(OFFLINE, tmp_path).load()
    assert splits["test"].labels.tolist() == [0, 9, 2, 2]
    assert torch.equal(splits["train"].samples, torch.from_numpy(images))


def test_fashion_mnist(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        sizes = np.array(images.shape, ">i4").tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + sizes[:4] + bytes([9, 0, 4]))
    splits = photos.FashionMnist(OFFLINE, tmp_path).load()
    assert splits["train"].labels.tolist() == [9, 0, 4]
    assert torch.equal(splits["test"].samples[:, 0], torch.from_numpy(images))


@pytest.mark.parametrize("kind", [photos.Cifar10, photos.CifarFS, photos.Stl10, photos.FashionMnist])
def test_what_is_not_there_and_may_not_be_fetched_is_a_usage_error(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"{kind.__name__} is not in .* \(download is false\)") as caught:
        kind(OFFLINE, tmp_path).load()
    assert re.search(rf"put https?://\S+\.gz .*into {tmp_path}\S*; what is there is not fetched", str(caught.value))
