"""Decides which pictures are in which split. Imports neither torch nor Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from harness import UsageError, nearest, per_file

SPLITS = ("train", "test", "validation", "novel")
MOST = 84  # pixels on a side, unless `size` says more
OTHER_NAMES = ("val", "valid", "dev", "eval")  # of what most sets call so, the classes are those of train


class Part(Protocol):
    """A picture that is one of many in a larger file. Its text is how messages call it."""

    @property
    def file(self) -> Path: ...

    @property
    def place(self) -> int:
        """Where in the file it is: another number for each of its pictures."""

    @property
    def name(self) -> str:
        """The same wherever the file is."""

    def open(self, mode: Literal["rb"]) -> BytesIO:
        """Its bytes. Raises OSError if there are none."""


Picture = Path | Part
"""A file, or a part of one."""


class Listed(NamedTuple):
    """The pictures of a split; `labels` are indices into `classes`. `left_out`: how many files are not read, by why.

    `targets`: where a picture may have several classes, or none is known of any, the indices of its own; `labels` is
    empty then.
    """

    paths: Sequence[Picture]
    labels: list[int]
    classes: tuple[str, ...]
    left_out: Mapping[str, int]
    targets: list[tuple[int, ...]] | None = None

    def pick(self, places: Iterable[int]) -> Listed:
        """The pictures at `places`, of the same classes."""
        chosen = list(places)
        return self._replace(
            paths=[self.paths[i] for i in chosen],
            labels=[self.labels[i] for i in chosen] if self.targets is None else [],
            targets=None if self.targets is None else [self.targets[i] for i in chosen],
        )

    def label_texts(self) -> list[str]:
        """Each picture's class, or its classes with ; between them."""
        if self.targets is None:
            return [self.classes[label] for label in self.labels]
        return [";".join(self.classes[each] for each in target) for target in self.targets]


class Listing(NamedTuple):
    """The splits of a set of pictures; `notes` say which split is what, where the user's files do not."""

    splits: dict[str, Listed]
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> list[Picture]:
        return [path for part in self.splits.values() for path in part.paths]


def per_picture(compute: Callable[[Picture], str], pictures: Sequence[Picture], memory: str, doing: str) -> list[str]:
    """`per_file`, where a file may hold many of the pictures: what is computed of all of them is remembered while it is
    the same. `compute` gives one line. `pictures` hold all of a file that there ever are."""
    files = [picture for picture in pictures if isinstance(picture, Path)]
    if len(files) == len(pictures):
        return per_file(compute, files, memory, doing)
    inside: dict[Path, dict[int, Part]] = {}
    for picture in pictures:
        if not isinstance(picture, Path):
            inside.setdefault(picture.file, {})[picture.place] = picture

    def lines(file: Path) -> str:
        return "\n".join(compute(inside[file][place]) for place in sorted(inside[file]))

    texts = per_file(lines, list(inside), memory, f"files of {doing}")
    found = {
        (file, place): line
        for file, text in zip(inside, texts, strict=True)
        for place, line in zip(sorted(inside[file]), text.split("\n"), strict=True)
    }
    return [found[picture.file, picture.place] for picture in pictures if not isinstance(picture, Path)]


def with_val(names: Mapping[str, str], where: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which split each of the user's `names` is, and what to say of it. Their values are how a message calls them.

    What is called `val` and the like holds the training classes, so it is `test`; it is left out where there is one.
    Raises UsageError for names that are no split's.
    """
    own = {name: name for name in names if name in SPLITS}
    held = [name for name in names if name in OTHER_NAMES]
    if len(held) > 1:
        raise UsageError(f"{where} has '{held[0]}' and '{held[1]}'; only one of them can be the split 'test'.")
    for name, called in names.items():
        if name not in own and name not in held:
            raise UsageError(f"{called} is not a split.{nearest(name, [*SPLITS, *OTHER_NAMES[:1]])}")
    if not held:
        return own, ()
    if "test" in own:
        return own, (f"'{held[0]}' is left out, as there is 'test'",)
    return {**own, held[0]: "test"}, (f"'{held[0]}' is the split 'test'",)


def meant(name: str, suffix: str) -> str:
    """End of a message about an unknown split. A name that is spelled like another may mean something else: `val` is
    near `novel`, and training classes in there would be tested as if they were new."""
    if name.lower() in OTHER_NAMES:
        return (
            f" If it has the classes of 'train', call it 'test{suffix}' or put it into 'train{suffix}'; "
            f"'validation{suffix}' and 'novel{suffix}' are for classes that 'train' does not have."
        )
    return nearest(name + suffix, [split + suffix for split in SPLITS])


def forbid_shared_classes(classes: Mapping[str, tuple[str, ...]], where: Path, hint: str = "") -> None:
    """Raises UsageError if two of `train`, `validation` and `novel` have a class in common."""
    disjoint = [split for split in ("train", "validation", "novel") if split in classes]
    for i, one in enumerate(disjoint):
        for other in disjoint[i + 1 :]:
            if shared := set(classes[one]) & set(classes[other]):
                raise UsageError(
                    f"{where}: {describe(shared)} in '{one}' and in '{other}', which must share no class.{hint}"
                )


def describe(names: set[str]) -> str:
    first = ", ".join(repr(name) for name in sorted(names)[:3])
    return (
        f"class {first} is"
        if len(names) == 1
        else f"{len(names)} classes ({first}{', ...' if len(names) > 3 else ''}) are"
    )
