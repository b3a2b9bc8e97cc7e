"""The conformance checks of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.building import make_dataset
from harness.learning.data.augmentation import Augmentation
from harness.learning.data.modality import Modality
from harness.learning.data.splits import Data, Split
from harness.learning.data.streaming import Streamed, read_batches
from harness.learning.datasets import Dataset, ImageDataset
from harness.learning.seeding import seed_all
from harness.suite.cell import Component
from harness.testing import content, declared
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import random_states_kept, settings_kept

DUPLICATES = 0.01  # of a split's samples may be in another as well: collections hold a few pictures twice
SAMPLED = 1000  # images by which labels of train and test are compared
SMALL = 16  # pixels of a side, to which they are averaged
SEED = 271828  # of the global generators before the second load; no data set will seed them with the same
TOLD, GUESSED = 6.0, 2.0  # standard deviations from what is expected: what shows a difference, and what shows none


def check_dataset(name: str, /, **options: Any) -> None:
    """Check a registered data set: load it several times. What it downloads or builds is kept in the cache.

    Args:
        name: Registered name of the data set.
        **options: Options of its `Config`. Of a data set that is made of others, `of` names them as in a suite.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    subject = DatasetSubject(component("dataset", name, options))
    conform(f"data set '{name}'", subject, CHECKS, NEEDED)


Part = Tensor | list[str]
"""Some samples of a split."""


class Content(NamedTuple):
    """The samples of a split, digested: each one, each one's mirror image (of pictures), and all in their order."""

    plain: list[bytes]
    mirrored: list[bytes]
    whole: str


class Again(NamedTuple):
    """A second load: labels and digest of the images of each split, and what it did beside loading."""

    content: Mapping[str, tuple[Tensor | None, str]]
    settings: list[Fault]
    random_states: list[Fault]


@dataclass(frozen=True)
class DatasetSubject:
    """A registered data set with its options. To load it may take minutes, so each load serves several checks."""

    component: Component

    def make(self) -> Dataset:
        return make_dataset(self.component)

    @cached_property
    def first(self) -> tuple[Mapping[str, Split], Dataset]:
        """The splits, and what has loaded them."""
        dataset = self.make()
        return dataset.load(), dataset

    @property
    def modality(self) -> Modality:
        splits, dataset = self.first
        return dataset.modality(splits)

    @property
    def splits(self) -> Mapping[str, Split]:
        return self.first[0]

    @cached_property
    def content(self) -> Mapping[str, Content]:
        return {name: _content(split) for name, split in self.splits.items()}

    @cached_property
    def again(self) -> Again:
        """From other states of the global generators; the splits are not kept."""
        settings: list[Fault] = []
        random_states: list[Fault] = []
        seed_all(SEED)
        with (
            noted(settings_kept("loading it"), settings),
            noted(random_states_kept("loading it"), random_states),
        ):
            splits = self.make().load()
        content = {name: (split.labels if split.labelled else None, _whole(split)) for name, split in splits.items()}
        return Again(content, settings, random_states)


@contextmanager
def noted(kept: AbstractContextManager[None], faults: list[Fault]) -> Iterator[None]:
    """What `kept` finds goes into `faults`."""
    try:
        with kept:
            yield
    except Fault as fault:
        faults.append(fault)


def refuse(faults: list[Fault]) -> None:
    """Raises the first, if there is one."""
    if faults:
        raise faults[0]


def it_can_be_loaded(subject: DatasetSubject) -> None:
    """Splits of samples of one modality, `train` among them."""
    try:
        splits = subject.splits
        for name, split in splits.items():
            if not isinstance(split, Split):
                raise Fault(
                    f"the split '{name}' is a {type(split).__name__}", "give harness.Split(samples, labels, classes)"
                )
        Data.of(splits, subject.modality, torch.device("cpu"))
    except UsageError as error:
        raise Fault(str(error).removesuffix("."), "give what harness.Split and harness.Data document") from error


def splits_have_their_fixed_meanings(subject: DatasetSubject) -> None:
    """`train` and `test` hold the same classes; `validation` and `novel` further ones, each in one split only.
    A split of another name has no labels, but columns."""
    classes = {name: split.classes for name, split in subject.splits.items()}
    others = set(classes) - {"train", "test", "validation", "novel"}
    if strange := [name for name in others if classes[name] or not subject.splits[name].columns]:
        raise Fault(
            f"there is a split '{min(strange)}'",
            "name splits train, test, validation or novel; others are for samples without labels that columns tell of",
        )
    if classes.get("test", classes["train"]) != classes["train"]:
        raise Fault("`train` and `test` list different classes", "give both the same tuple, and new classes to `novel`")
    apart = [name for name in ("train", "validation", "novel") if name in classes]
    for one, other in combinations(apart, 2):
        if shared := set(classes[one]) & set(classes[other]):
            raise Fault(f"the class {min(shared)!r} is in `{one}` and in `{other}`", "give each class to one of them")


def every_class_has_samples(subject: DatasetSubject) -> None:
    """No class of a split is without a sample."""
    for name, split in subject.splits.items():
        members = split.by_class if split.labelled else []
        empty = [split.classes[label] for label, own in enumerate(members) if not len(own)]
        if empty:
            raise Fault(f"`{name}` has no sample of the class {empty[0]!r}", "list only classes that have samples")


def splits_share_no_sample(subject: DatasetSubject) -> None:
    """Images of one split are in no other, nor mirrored, but for the few that collections hold twice."""
    seen = subject.content
    for one, other in combinations(seen, 2):
        for how, known in (("", set(seen[one].plain)), (", mirrored,", set(seen[one].mirrored))):
            shared = sum(each in known for each in seen[other].plain)
            if shared > DUPLICATES * len(seen[other].plain):
                raise Fault(
                    f"{shared} of the {len(seen[other].plain)} images of `{other}` are{how} in `{one}` as well",
                    "split before anything is copied or augmented; scores on seen images mean nothing",
                )


def labels_mean_the_same_in_train_and_test(subject: DatasetSubject) -> None:
    """Where the nearest mean image of a class tells other images of `train` apart, it does so in `test` as well."""
    train, test = subject.splits["train"], subject.splits.get("test")
    if test is None or not (train.labelled and test.labelled):
        return
    if not isinstance(train.samples, Tensor | Streamed) or not isinstance(test.samples, Tensor | Streamed):
        return  # of texts there is no mean
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
    parts = (part.float() for part in read_batches(split.samples, order.split(256)))
    small = [F.adaptive_avg_pool2d(part, SMALL).flatten(1) if part.ndim == 4 else part.flatten(1) for part in parts]
    return torch.cat(small), split.labels[order]


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
    again = subject.again.content
    if list(again) != list(subject.splits):
        raise Fault(f"splits are {list(subject.splits)}, then {list(again)}", "give the same splits each time")
    for name, split in subject.splits.items():
        labels, whole = again[name]
        if not _equal(split, labels) or subject.content[name].whole != whole:
            raise Fault(f"a second load gives another `{name}`", "sort what is listed, and draw with a fixed seed")


def the_modality_is_the_registered_one(subject: DatasetSubject) -> None:
    """What it gives is what a suite's reader is told that it gives."""
    stated, found = subject.component.spec.modality, subject.modality.name
    if stated != found:
        raise Fault(f"it is registered to give {stated!r}, and gives {found!r}", f"register it with modality={found!r}")


def the_augmentation_is_one(subject: DatasetSubject) -> None:
    """What a data set of images recommends is a harness.Augmentation."""
    _, dataset = subject.first
    if not isinstance(dataset, ImageDataset):
        return
    augmentation: Any = dataset.augmentation
    if not isinstance(augmentation, Augmentation):
        raise Fault(f"`augmentation` is {augmentation!r}", "give harness.Augmentation(crop=..., flip=...)")


def settings_of_the_process_are_kept(subject: DatasetSubject) -> None:
    """Default dtype, threads and the like are as before."""
    refuse(subject.again.settings)


def loading_draws_no_global_random_numbers(subject: DatasetSubject) -> None:
    """The global random states are left alone."""
    refuse(subject.again.random_states)


def _equal(split: Split, labels: Tensor | None) -> bool:
    if labels is None or not split.labelled:
        return labels is None and not split.labelled
    return torch.equal(split.labels, labels)


def _content(split: Split) -> Content:
    """In one pass over the images, which may be read from files."""
    plain: list[bytes] = []
    mirrored: list[bytes] = []

    def seen(part: Part) -> Part:
        plain.extend(_digests(part))
        if isinstance(part, Tensor) and part.ndim == 4:
            mirrored.extend(_digests(part.flip(-1)))
        return part

    return Content(plain, mirrored, _digest(split, map(seen, _parts(split))))


def _digests(part: Part) -> Iterator[bytes]:
    contents = (sample.tobytes() for sample in part.numpy()) if isinstance(part, Tensor) else map(str.encode, part)
    return (hashlib.sha256(content).digest() for content in contents)


def _whole(split: Split) -> str:
    return _digest(split, _parts(split))


def _parts(split: Split) -> Iterator[Part]:
    if not isinstance(split.samples, Tensor | Streamed):
        return iter([list(split.samples)])
    return read_batches(split.samples, torch.arange(len(split)).split(256))


def _digest(split: Split, parts: Iterable[Part]) -> str:
    shape = tuple(split.samples.shape) if isinstance(split.samples, Tensor | Streamed) else (len(split),)
    digest = hashlib.sha256(repr(shape).encode())
    for part in parts:
        for each in _digests(part):
            digest.update(each)
    return digest.hexdigest()


NEEDED = (it_can_be_loaded,)
CHECKS = (
    *declared.EVERY,
    splits_have_their_fixed_meanings,
    every_class_has_samples,
    splits_share_no_sample,
    labels_mean_the_same_in_train_and_test,
    loading_repeats_itself,
    content.the_fingerprint_identifies_the_content,
    the_modality_is_the_registered_one,
    the_augmentation_is_one,
    settings_of_the_process_are_kept,
    loading_draws_no_global_random_numbers,
)
