"""The checks of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.base.cache import cache_folder
from harness.base.errors import UsageError
from harness.learning.components import Dataset
from harness.learning.data.augmentation import Augmentation
from harness.learning.data.splits import Data, Split
from harness.learning.data.streaming import picked
from harness.learning.training import seed_all
from harness.suite.cell import Component
from harness.testing import content, declared
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import random_states_kept, settings_kept

DUPLICATES = 0.01  # of a split's samples may be in another as well: collections hold a few pictures twice
SAMPLED = 1000  # images by which labels of train and test are compared
SMALL = 16  # pixels of a side, to which they are averaged
TOLD, GUESSED = 6.0, 2.0  # standard deviations from what is expected: what shows a difference, and what shows none


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
        for how, known in (("", {each.plain for each in seen[one]}), (", mirrored,", {x.mirrored for x in seen[one]})):
            shared = sum(each.plain in known for each in seen[other])
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
    images, labels = _sample(train, 2 * SAMPLED)
    half = len(labels) // 2
    classes = labels[:half].unique()
    means = torch.stack([images[:half][labels[:half] == label].mean(0) for label in classes])

    def hits(images: Tensor, labels: Tensor) -> Tensor:
        return (classes[torch.cdist(images, means).argmin(1)] == labels).float()

    asked, truth = _sample(test, SAMPLED)
    known, found = hits(images[half:], labels[half:]), hits(asked, truth)
    told = _deviations(known, _largest_share(labels[half:])) > TOLD
    guessed = _deviations(found, _largest_share(truth)) < GUESSED
    if told and guessed and _deviations(found, known.mean().item()) < -TOLD:
        raise Fault(
            f"the mean image of each class finds that of {known.mean():.1%} of other images of `train`, but of "
            f"{found.mean():.1%} of those of `test`, no more than by chance",
            "look for labels of `test` that are shifted, or classes that are counted in another order than in `train`",
        )


def _sample(split: Split, number: int) -> tuple[Tensor, Tensor]:
    """Images of a split, small and flat, with their labels; the same each time."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:number]
    small = (F.adaptive_avg_pool2d(part.float(), SMALL).flatten(1) for part in picked(split.images, order.split(256)))
    return torch.cat(list(small)), split.labels[order]


def _largest_share(labels: Tensor) -> float:
    """Of one class: how often one who knows nothing else guesses rightly."""
    return labels.bincount().max().item() / len(labels)


def _deviations(hits: Tensor, share: float) -> float:
    """How many standard deviations there are more hits than if such a share of all were expected."""
    number = len(hits)
    share = min(max(share, 1 / (number + 1)), number / (number + 1))  # of none or all, there is no deviation
    return (hits.sum().item() - number * share) / (number * share * (1 - share)) ** 0.5


def loading_repeats_itself(subject: DatasetSubject) -> None:
    """A second load gives the same splits, whatever was drawn from the global generators before."""
    seed_all(1)
    again = subject.make().load()
    if list(again) != list(subject.splits):
        raise Fault(f"splits are {list(subject.splits)}, then {list(again)}", "give the same splits each time")
    for name, split in subject.splits.items():
        if not torch.equal(split.labels, again[name].labels) or list(_pixels(split)) != list(_pixels(again[name])):
            raise Fault(f"a second load gives another `{name}`", "sort what is listed, and draw with a fixed seed")


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


class Digests(NamedTuple):
    """Of an image and of its mirror image."""

    plain: bytes
    mirrored: bytes


def _pixels(split: Split) -> Iterator[Digests]:
    for part in picked(split.images, torch.arange(len(split)).split(256)):
        for both in zip(part.numpy(), part.flip(-1).numpy(), strict=True):
            yield Digests(*(hashlib.sha256(image.tobytes()).digest() for image in both))


NEEDED = (it_can_be_loaded,)
CHECKS = (
    *declared.EVERY,
    splits_have_their_fixed_meanings,
    every_class_has_samples,
    splits_share_no_sample,
    labels_mean_the_same_in_train_and_test,
    loading_repeats_itself,
    content.the_fingerprint_identifies_the_content,
    the_augmentation_is_one,
    settings_of_the_process_are_kept,
    loading_draws_no_global_random_numbers,
)
