"""Divides samples with labels as texts into splits. Imports neither torch nor Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import UsageError
from harness_datasets.pictures import SPLITS, Listed, Picture, describe, forbid_shared_classes


class Sample(NamedTuple):
    """`labels`: one; or, of samples that may have several, or of which none is known, any number."""

    picture: Picture
    labels: tuple[str, ...]


def list_samples(
    parts: Mapping[str, Sequence[Sample]], several: bool, where: Path, classes: Sequence[str] | None = None
) -> dict[str, Listed]:
    """Each split, with the classes that `train` has, or that its own samples have. `classes`: all that there may be, in
    their order; none: numbers by size, or else texts by letters. Raises UsageError."""
    if several and (further := [name for name in parts if name not in ("train", "test")]):
        raise UsageError(
            f"{where}: samples have several labels, so that no class is '{further[0]}' alone; they can be 'train' and "
            "'test'."
        )
    found = {split: {label for sample in part for label in sample.labels} for split, part in parts.items()}
    if several and classes is not None:
        found = {split: set(classes) for split in found}
    elif strange := found.get("test", set()) - found["train"]:
        raise UsageError(
            f"{where}: {describe(strange)} in 'test' but not in 'train'; "
            + ("add samples of it to 'train'." if several else "new classes belong in 'novel'.")
        )
    listed = {}
    for split in (name for name in SPLITS if name in parts):
        names = ordered(found["train" if split == "test" else split], classes)
        number = {name: place for place, name in enumerate(names)}
        labels = [[number[label] for label in sample.labels] for sample in parts[split]]
        pictures = [sample.picture for sample in parts[split]]
        if several:
            listed[split] = Listed(pictures, [], names, {}, [tuple(sorted(set(each))) for each in labels])
        else:
            listed[split] = Listed(pictures, [each[0] for each in labels], names, {})
    forbid_shared_classes({split: part.classes for split, part in listed.items()}, where)
    return listed


def ordered(found: set[str], classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is not None:
        return tuple(name for name in classes if name in found)
    whole = all(name.lstrip("-").isdecimal() for name in found)
    return tuple(sorted(found, key=int if whole else str))
