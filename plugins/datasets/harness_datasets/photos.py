"""torchvision's data sets in splits: whole ones, and the two few-shot divisions of CIFAR-100's classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from torchvision import datasets

from harness import Augmentation, ImageDataset, Split, UsageError
from harness_datasets.arrays import PHOTOS, Arrays, as_split, locked, pick_classes


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Bertinetto et al. 2019 draw 64/16/20 classes at random; their lists as torchmeta has them (assets/cifar100/cifar-fs),
# all other classes are for training.
CIFAR_FS_VALIDATION = names(
    """beaver beetle butterfly camel cattle crab crocodile flatfish lamp maple_tree motorcycle otter sea shark
    television tractor"""
)
CIFAR_FS_NOVEL = names(
    """baby bed bicycle chimpanzee fox leopard man pickup_truck plain poppy rocket rose snail sweet_pepper table
    telephone wardrobe whale woman worm"""
)
# Oreshkin et al. 2018 divide by superclass (github.com/ServiceNow/TADAM, datasets/create_dataset_cifar100.py):
# validation are large carnivores, large omnivores and herbivores, non-insect invertebrates, small mammals; novel are
# aquatic mammals, insects, medium mammals, people; a line each. All others are for training.
FC100_VALIDATION = names(
    """bear leopard lion tiger wolf
    camel cattle chimpanzee elephant kangaroo
    crab lobster snail spider worm
    hamster mouse rabbit shrew squirrel"""
)
FC100_NOVEL = names(
    """beaver dolphin otter seal whale
    bee beetle butterfly caterpillar cockroach
    fox porcupine possum raccoon skunk
    baby boy girl man woman"""
)


class Cifar10(ImageDataset):
    """`train` 50,000 and `test` 10,000: uint8 (3, 32, 32)."""

    augmentation = PHOTOS
    source = datasets.CIFAR10

    def load(self) -> Mapping[str, Split]:
        return {"train": as_split(self.fetch(True)), "test": as_split(self.fetch(False))}

    def fetch(self, train: bool) -> Arrays:
        with locked(self.folder), explained(self, f"{self.source.url} into {self.folder}"):
            part = self.source(self.folder, train=train, download=self.config.download)
        return Arrays(part.data, np.array(part.targets), tuple(part.classes))


class Cifar100(Cifar10):
    """`train` 50,000 and `test` 10,000 of 100 classes: uint8 (3, 32, 32)."""

    source = datasets.CIFAR100


class CifarFS(Cifar100):
    """CIFAR-100's 600 images a class: 64 `train`, 16 `validation`, 20 `novel` classes."""

    validation, novel = CIFAR_FS_VALIDATION, CIFAR_FS_NOVEL

    def load(self) -> Mapping[str, Split]:
        one, other = self.fetch(True), self.fetch(False)
        images, labels = np.concatenate([one.images, other.images]), np.concatenate([one.labels, other.labels])
        parts = divide(Arrays(images, labels, one.classes), self.validation, self.novel)
        return {name: as_split(part) for name, part in parts.items()}


class FC100(CifarFS):
    """CIFAR-100's 600 images a class: 60 `train`, 20 `validation`, 20 `novel` classes, no superclass in two."""

    validation, novel = FC100_VALIDATION, FC100_NOVEL


class Stl10(ImageDataset):
    """`train` 5,000 and `test` 8,000: uint8 (3, 96, 96). The unlabelled images are left out."""

    augmentation = PHOTOS

    def load(self) -> Mapping[str, Split]:
        return {"train": as_split(self.fetch("train")), "test": as_split(self.fetch("test"))}

    def fetch(self, split: str) -> Arrays:
        with locked(self.folder), explained(self, f"{datasets.STL10.url} into {self.folder}"):
            part = datasets.STL10(self.folder, split=split, download=self.config.download)
        return Arrays(part.data.transpose(0, 2, 3, 1), part.labels, tuple(part.classes))


class FashionMnist(ImageDataset):
    """`train` 60,000 and `test` 10,000: uint8 (1, 28, 28)."""

    augmentation = Augmentation(crop=(0.2, 1.0), flip=0.5, jitter=0.5)  # clothes may be mirrored; they have no colour

    def load(self) -> Mapping[str, Split]:
        return {"train": as_split(self.fetch(True)), "test": as_split(self.fetch(False))}

    def fetch(self, train: bool) -> Arrays:
        files = " ".join(f"{datasets.FashionMNIST.mirrors[0]}{name}" for name, _ in datasets.FashionMNIST.resources)
        with locked(self.folder), explained(self, f"{files} into {self.folder / 'FashionMNIST/raw'}"):
            part = datasets.FashionMNIST(self.folder, train=train, download=self.config.download)
        return Arrays(part.data.numpy(), part.targets.numpy(), tuple(part.classes))


def divide(arrays: Arrays, validation: tuple[str, ...], novel: tuple[str, ...]) -> dict[str, Arrays]:
    """Split by class: the two lists, and all other classes for `train`."""
    train = tuple(name for name in arrays.classes if name not in {*validation, *novel})
    return {
        "train": pick_classes(arrays, train),
        "validation": pick_classes(arrays, validation),
        "novel": pick_classes(arrays, novel),
    }


@contextmanager
def explained(dataset: ImageDataset, by_hand: str) -> Iterator[None]:
    """Turns torchvision's and the network's errors into one message. `by_hand`: which files belong where; torchvision
    takes those that are there, if `download` is true, and unpacks them."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        hint = "" if dataset.config.download else " (download is false)"
        raise UsageError(
            f"{type(dataset).__name__} is not in {dataset.folder} and cannot be fetched{hint}: {error}. Without a "
            f"network here, put {by_hand}; what is there is not fetched."
        ) from error
