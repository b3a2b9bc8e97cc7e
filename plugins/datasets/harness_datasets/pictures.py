"""Which files of a folder are its pictures, for reading and for the fingerprint. Imports neither torch nor Pillow."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from harness import UsageError, nearest

SPLITS = ("train", "test", "validation", "novel")
OTHER_NAMES = ("val", "valid", "dev", "eval")  # of what most sets call so, the classes are those of train
ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
SYSTEM = ("thumbs.db", "desktop.ini")  # what file managers leave


class Listed(NamedTuple):
    """The pictures of a split; `labels` are indices into `classes`. `left_out`: how many files are not read, by why."""

    paths: list[Path]
    labels: list[int]
    classes: tuple[str, ...]
    left_out: Mapping[str, int]


def list_folder(path: Path) -> dict[str, Listed]:
    """All pictures by split, of <path>/<split>/<class>/<picture>, links or not; none is opened. Raises UsageError."""
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}.")
    folders = {folder.name: folder for folder in visible(path) if folder.is_dir()}
    if "train" not in folders:
        raise UsageError(
            f"{path} needs a folder 'train' with one folder per class; it has {', '.join(folders) or 'none'}."
        )
    for name in folders:
        if name not in SPLITS:
            raise UsageError(f"{path / name} is not a split.{meant(name, '')}")
    classes = {split: class_folders(folders[split]) for split in SPLITS if split in folders}
    if strange := set(classes.get("test", ())) - set(classes["train"]):
        raise UsageError(f"{path}: {describe(strange)} in 'test' but not in 'train'; new classes belong in 'novel'.")
    listed = {
        split: list_split(folders[split], members, tuple(classes["train" if split == "test" else split]))
        for split, members in classes.items()
    }
    forbid_shared_classes({split: part.classes for split, part in listed.items()}, path)
    return listed


def meant(name: str, suffix: str) -> str:
    """End of a message about an unknown split. A name that is spelled like another may mean something else: `val` is
    near `novel`, and training classes in there would be tested as if they were new."""
    if name.lower() in OTHER_NAMES:
        return (
            f" If it has the classes of 'train', call it 'test{suffix}' or put it into 'train{suffix}'; "
            f"'validation{suffix}' and 'novel{suffix}' are for classes that 'train' does not have."
        )
    return nearest(name + suffix, [split + suffix for split in SPLITS])


def class_folders(split: Path) -> dict[str, Path]:
    """By name, composed as Unicode's form C has it: the same letters may be stored in two ways. Raises UsageError if
    there are none."""
    found = [folder for folder in visible(split) if folder.is_dir()]
    if not found:
        raise UsageError(f"{split} has no folders; each class needs one with its pictures.")
    folders: dict[str, Path] = {}
    for folder in found:
        name = unicodedata.normalize("NFC", folder.name)
        if name in folders:
            raise UsageError(f"{split} has two folders '{name}', whose names are the same letters in other bytes.")
        folders[name] = folder
    return dict(sorted(folders.items()))


def list_split(split: Path, folders: Mapping[str, Path], classes: tuple[str, ...]) -> Listed:
    paths: list[Path] = []
    labels: list[int] = []
    left_out: Counter[str] = Counter({"beside the folders of classes": len(pictures_of(visible(split)))})
    for name, folder in folders.items():
        inside = visible(folder)
        files = pictures_of(inside)
        left_out.update(others(inside))
        if not files:
            more = "".join(f"; {count:,} files are {why}" for why, count in others(inside).items())
            raise UsageError(f"{folder} has no pictures ({', '.join(ENDINGS)}){more}.")
        paths += files
        labels += [classes.index(name)] * len(files)
    return Listed(paths, labels, classes, +left_out)


def pictures_of(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix.lower() in ENDINGS and file.is_file()]


def others(files: Iterable[Path]) -> Counter[str]:
    """How many files of a class are no pictures, by ending, or lie in folders below it."""
    counts: Counter[str] = Counter()
    for file in files:
        if file.is_dir():
            counts["in folders below a class"] += sum(len(names) for _, _, names in os.walk(file))
        elif file.suffix.lower() not in ENDINGS and file.name.lower() not in SYSTEM:
            counts[f"of the ending '{file.suffix.lower()}'" if file.suffix else "without an ending"] += 1
    return counts


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, by name. Raises UsageError for a name that is no text."""
    found = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    for each in found:
        if not each.name.isascii():
            try:
                each.name.encode()
            except UnicodeEncodeError as error:
                raise UsageError(f"{folder} has a file {each.name!a}, whose name is not UTF-8; rename it.") from error
    return found


def forbid_shared_classes(classes: Mapping[str, tuple[str, ...]], where: Path) -> None:
    """Raises UsageError if two of `train`, `validation` and `novel` have a class in common."""
    disjoint = [split for split in ("train", "validation", "novel") if split in classes]
    for i, one in enumerate(disjoint):
        for other in disjoint[i + 1 :]:
            if shared := set(classes[one]) & set(classes[other]):
                raise UsageError(f"{where}: {describe(shared)} in '{one}' and in '{other}', which must share no class.")


def describe(names: set[str]) -> str:
    first = ", ".join(repr(name) for name in sorted(names)[:3])
    return (
        f"class {first} is"
        if len(names) == 1
        else f"{len(names)} classes ({first}{', ...' if len(names) > 3 else ''}) are"
    )
