"""The checks of a data set."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.cache import cache_folder
from harness.cells import Component
from harness.components import Dataset
from harness.data.augmentation import Augmentation
from harness.data.splits import Data, Split
from harness.data.streaming import picked
from harness.errors import UsageError
from harness.options import as_plain, parse
from harness.testing import declared
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import random_states_kept, settings_kept
from harness.training import seed_all

DUPLICATES = 0.01  # of a split's samples may be in another as well: collections hold a few pictures twice
SAMPLED = 1000  # images by which labels of train and test are compared
TOLD, GUESSED = 6.0, 2.0  # standard deviations above chance: what shows that classes can be told, and what does not


def check_dataset(name: str, **options: Any) -> None:
    """Load a registered data set with these options, several times. What it downloads or builds is kept in the cache.

    Raises ConformanceError with every check that failed.
    """
    subject = DatasetSubject(component("dataset", name, options))
    conform(f"data set '{name}'", subject, CHECKS, NEEDED)


@dataclass(frozen=True)
class DatasetSubject:
    """A registered data set with its options."""

    component: Component

    def make(self) -> Dataset:
        spec = self.component.spec
        made: Dataset = spec.load()(self.component.config, cache_folder(spec.unique))
        return made

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        return self.make().load()


def it_can_be_loaded(subject: DatasetSubject) -> None:
    """Splits of uint8 images (N, C, H, W) with int64 labels (N,) within its classes, `train` among them."""
    try:
        splits = subject.splits
        for name, split in splits.items():
            if not isinstance(split, Split):
                raise Fault(
                    f"the split '{name}' is a {type(split).__name__}", "give harness.Split(images, labels, classes)"
                )
        Data.of(splits, Augmentation(), torch.device("cpu"))
    except UsageError as error:
        raise Fault(str(error).removesuffix("."), "give what harness.Split and harness.Data document") from error


def splits_have_their_fixed_meanings(subject: DatasetSubject) -> None:
    """`train` and `test` hold the same classes; `validation` and `novel` further ones, each in one split only."""
    classes = {name: split.classes for name, split in subject.splits.items()}
    if strange := set(classes) - {"train", "test", "validation", "novel"}:
        raise Fault(f"there is a split '{min(strange)}'", "name splits train, test, validation or novel")
    if classes.get("test", classes["train"]) != classes["train"]:
        raise Fault("`train` and `test` list different classes", "give both the same tuple, and new classes to `novel`")
    apart = [name for name in ("train", "validation", "novel") if name in classes]
    for one, other in combinations(apart, 2):
        if shared := set(classes[one]) & set(classes[other]):
            raise Fault(f"the class {min(shared)!r} is in `{one}` and in `{other}`", "give each class to one of them")


def every_class_has_samples(subject: DatasetSubject) -> None:
    """No class of a split is without a sample."""
    for name, split in subject.splits.items():
        empty = [split.classes[label] for label, members in enumerate(split.by_class) if not len(members)]
        if empty:
            raise Fault(f"`{name}` has no sample of the class {empty[0]!r}", "list only classes that have samples")


def splits_share_no_sample(subject: DatasetSubject) -> None:
    """Images of one split are in no other, nor mirrored, but for the few that collections hold twice."""
    seen = {name: list(_pixels(split)) for name, split in subject.splits.items()}
    for one, other in combinations(seen, 2):
        for how, known in (("", set(seen[one])), (", mirrored,", set(_pixels(subject.splits[one], mirrored=True)))):
            shared = sum(pixels in known for pixels in seen[other])
            if shared > DUPLICATES * len(seen[other]):
                raise Fault(
                    f"{shared} of the {len(seen[other])} images of `{other}` are{how} in `{one}` as well",
                    "split before anything is copied or augmented; scores on seen images mean nothing",
                )


def labels_mean_the_same_in_train_and_test(subject: DatasetSubject) -> None:
    """Where the nearest mean image of a class tells other images of `train` apart, it does so in `test` as well."""
    train, test = subject.splits["train"], subject.splits.get("test")
    if test is None:
        return
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[: 2 * SAMPLED]
    images, labels = _pictures(train, order), train.labels[order]
    half = len(order) // 2
    classes = labels[:half].unique()
    means = torch.stack([images[:half][labels[:half] == label].mean(0) for label in classes])
    asked = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:SAMPLED]
    known, found = (
        _above_chance(classes[torch.cdist(part, means).argmin(1)] == truth, truth)
        for part, truth in ((images[half:], labels[half:]), (_pictures(test, asked), test.labels[asked]))
    )
    if known > TOLD and found < GUESSED:
        raise Fault(
            "the mean image of each class tells others of `train` apart, and those of `test` no better than by chance",
            "look for labels of `test` that are shifted, or count the classes in another order than those of `train`",
        )


def _pictures(split: Split, numbers: Tensor) -> Tensor:
    """Float (n, pixels)."""
    return torch.cat([part.flatten(1).float() for part in picked(split.images, numbers.split(256))])


def _above_chance(hits: Tensor, labels: Tensor) -> float:
    """How many standard deviations the hits are above those of guesses that know how often each class is right."""
    share = labels.bincount().max().item() / len(labels)
    deviation = (len(hits) * share * (1 - share)) ** 0.5
    return (hits.sum().item() - len(hits) * share) / deviation if deviation else 0.0


def loading_repeats_itself(subject: DatasetSubject) -> None:
    """A second load gives the same splits, whatever was drawn from the global generators before."""
    seed_all(1)
    again = subject.make().load()
    if list(again) != list(subject.splits):
        raise Fault(f"splits are {list(subject.splits)}, then {list(again)}", "give the same splits each time")
    for name, split in subject.splits.items():
        if not torch.equal(split.labels, again[name].labels) or list(_pixels(split)) != list(_pixels(again[name])):
            raise Fault(f"a second load gives another `{name}`", "sort what is listed, and draw with a fixed seed")


def the_fingerprint_identifies_the_content(subject: DatasetSubject) -> None:
    """A data set that is read from a path has `Config.fingerprint()`, and gives the same text each time."""
    config = subject.component.config
    own = getattr(config, "fingerprint", None)
    if own is None:
        for field in dataclasses.fields(config):
            if isinstance(getattr(config, field.name), Path) and not field.metadata.get("identity", True):
                raise Fault(
                    f"the option '{field.name}' stays out of cell ids and nothing else tells its content",
                    "give the Config a method fingerprint() -> str, for example a hash of the files",
                )
        return
    again = parse(type(config), as_plain(config), str)  # made anew
    prints = [own(), again.fingerprint()]
    if not isinstance(prints[0], str) or not prints[0] or prints[0] != prints[1]:
        raise Fault(f"fingerprint() gives {prints[0]!r}, then {prints[1]!r}", "derive a text from the content alone")


def the_augmentation_is_one(subject: DatasetSubject) -> None:
    """What it recommends is a harness.Augmentation."""
    dataset = subject.make()
    dataset.load()
    if not isinstance(dataset.augmentation, Augmentation):
        raise Fault(f"`augmentation` is {dataset.augmentation!r}", "give harness.Augmentation(crop=..., flip=...)")


def settings_of_the_process_are_kept(subject: DatasetSubject) -> None:
    """Default dtype, threads and the like are as before."""
    with settings_kept("loading it"):
        subject.make().load()


def loading_draws_no_global_random_numbers(subject: DatasetSubject) -> None:
    """The global random states are left alone."""
    with random_states_kept("loading it"):
        subject.make().load()


def _pixels(split: Split, *, mirrored: bool = False) -> Iterator[bytes]:
    """A digest of each image, or of its mirror image."""
    for part in picked(split.images, torch.arange(len(split)).split(256)):
        turned = part.flip(-1) if mirrored else part
        yield from (hashlib.sha256(image.tobytes()).digest() for image in turned.numpy())


NEEDED = (it_can_be_loaded,)
CHECKS = (
    *declared.EVERY,
    splits_have_their_fixed_meanings,
    every_class_has_samples,
    splits_share_no_sample,
    labels_mean_the_same_in_train_and_test,
    loading_repeats_itself,
    the_fingerprint_identifies_the_content,
    the_augmentation_is_one,
    settings_of_the_process_are_kept,
    loading_draws_no_global_random_numbers,
)
