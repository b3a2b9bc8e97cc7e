"""Makes splits that the user's files do not have: holds out pictures for `test` and classes for `novel`.

Both are drawn by a hash of names, so that no picture changes its split when others are added or taken away.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness import UsageError, nearest
from harness_datasets.pictures import SPLITS, Listed, Listing, Picture

TEST = 0.2  # of each class, where the user's files have no splits


class Division(NamedTuple):
    """`test`: the share of each training class, where there is no split 'test'. `novel`: the share of the classes, or
    their names, where there is no split 'novel'. None: there is no such split."""

    test: float | None = None
    novel: float | tuple[str, ...] | None = None

    def of_no_splits(self) -> Division:
        """For pictures that come without splits."""
        return self if self.test is not None else self._replace(test=TEST)

    def check(self) -> None:
        """Raises ValueError."""
        for name, share in (("test", self.test), ("novel", self.novel)):
            if isinstance(share, float) and not 0 < share < 1:
                raise ValueError(f"{name} is a share, above 0 and below 1, not {share}.")


def divided(listing: Listing, division: Division, where: Path, root: Path) -> Listing:
    """With the splits that `division` makes of `train`. `root`: the folder that pictures' names are counted from.

    Raises UsageError.
    """
    splits, notes = dict(listing.splits), [*listing.notes]
    if division.novel is not None:
        if "novel" in splits:
            raise UsageError(f"{where} has a split 'novel': leave the option 'novel' out.")
        names = novel_classes(splits["train"], division.novel, where)
        splits = with_novel(splits, names)
        if isinstance(division.novel, float):
            total = len(splits["train"].classes) + len(names)
            notes.append(f"'novel' is {len(names):,} of {total:,} classes, drawn by a hash of their names")
    if division.test is not None and "test" in listing.splits:
        raise UsageError(f"{where} has a split 'test': leave the option 'test' out.")
    if division.test is not None:
        held = held_out(splits["train"], division.test, root)
        if held:
            splits["test"] = splits["train"].pick(held)._replace(left_out={})
            splits["train"] = splits["train"].pick(sorted(set(range(len(splits["train"].paths))) - set(held)))
            known = "paths" if isinstance(listing.paths[0], Path) else "names"
            of = "of the samples" if splits["train"].targets is not None else "of each class"
            notes.append(f"'test' is about {100 * division.test:g} % {of}, drawn by a hash of their {known}")
    return Listing({name: splits[name] for name in SPLITS if name in splits}, tuple(notes))


def held_out(train: Listed, share: float, root: Path) -> list[int]:
    """Places of about that share of each class: at least one and never all, so of a class of one picture none."""
    chances = [chance("test", named(path, root)) for path in train.paths]
    groups: dict[int, list[int]] = {}
    for place in range(len(train.paths)):
        groups.setdefault(train.labels[place] if train.targets is None else 0, []).append(place)
    held: list[int] = []
    for members in groups.values():
        order = sorted(members, key=chances.__getitem__)
        number = sum(chances[place] < share for place in order)
        held += order[: min(max(number, 1), len(order) - 1)]
    return sorted(held)


def novel_classes(train: Listed, novel: float | Sequence[str], where: Path) -> tuple[str, ...]:
    """Which of the training classes become novel. Raises UsageError if there are no such, or none is left."""
    if train.targets is not None:
        raise UsageError(f"{where}: pictures have several labels, so no class can be 'novel' without the others.")
    if isinstance(novel, float):
        number = max(1, round(novel * len(train.classes)))
        names = sorted(train.classes, key=lambda name: chance("novel", name))[:number]
    else:
        names = [unicodedata.normalize("NFC", name) for name in novel]
    for name in names:
        if name not in train.classes:
            raise UsageError(f"{where} has no class '{name}' for the split 'novel'.{nearest(name, train.classes)}")
    if not names or not set(train.classes) - set(names):
        raise UsageError(
            f"{where} has {len(train.classes):,} classes, and 'novel' takes {len(names):,}; 'train' and 'novel' need "
            "one at least."
        )
    return tuple(sorted(set(names)))


def with_novel(splits: dict[str, Listed], names: tuple[str, ...]) -> dict[str, Listed]:
    """All pictures of these classes, of `train` and of `test`, become `novel`."""
    kept = tuple(name for name in splits["train"].classes if name not in names)
    parts: dict[str, Listed] = dict(splits)
    taken = []
    for split in ("train", "test"):
        if split in splits:
            taken.append(of_classes(splits[split], names))
            parts[split] = of_classes(splits[split], kept)
    if "test" in parts and not parts["test"].paths:
        del parts["test"]
    paths = [path for part in taken for path in part.paths]
    labels = [label for part in taken for label in part.labels]
    return {**parts, "novel": Listed(paths, labels, names, {})}


def of_classes(part: Listed, names: tuple[str, ...]) -> Listed:
    number = {part.classes.index(name): place for place, name in enumerate(names)}
    chosen = part.pick(i for i, label in enumerate(part.labels) if label in number)
    return chosen._replace(labels=[number[label] for label in chosen.labels], classes=names)


def named(path: Picture, root: Path) -> str:
    """A picture's name below `root`, the same wherever that folder is, and however its letters are stored."""
    if not isinstance(path, Path):
        return unicodedata.normalize("NFC", path.name)
    text = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return unicodedata.normalize("NFC", text)


def chance(purpose: str, name: str) -> float:
    """A number in [0, 1) that only these texts decide."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\0{name}".encode()).digest()[:6]) / 2**48
