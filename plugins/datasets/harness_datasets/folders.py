"""A folder of pictures as splits: of <split>/<class>/<picture>, or of <class>/<picture>. Imports neither torch nor
Pillow."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness import UsageError
from harness_datasets.division import Division, divided
from harness_datasets.pictures import (
    OTHER_NAMES,
    SPLITS,
    Listed,
    Listing,
    describe,
    forbid_shared_classes,
    with_val,
)

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
SYSTEM = ("thumbs.db", "desktop.ini")  # what file managers leave
VAL = " If it holds further pictures of the classes of 'train', call it 'val'."


def list_folder(path: Path, division: Division) -> Listing:
    """All pictures by split, links or not; none is opened. Raises UsageError."""
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}.")
    folders = {folder.name: folder for folder in visible(path) if folder.is_dir()}
    if not folders:
        count = len(pictures_of(visible(path)))
        raise UsageError(
            f"{path} has {f'{count:,} pictures, but ' if count else ''}no folders; each class needs one with its "
            "pictures. Pictures in one folder can be listed with their labels in a file: image_list."
        )
    if not set(folders) & {*SPLITS, *OTHER_NAMES}:
        classes = class_folders(path)
        listed = {"train": list_split(path, classes, tuple(classes))}
        return divided(Listing(listed), division.of_no_splits(), path, path)
    if "train" not in folders:
        raise UsageError(
            f"{path} needs a folder 'train' with one folder per class, or has folders of classes alone, none of which "
            f"is named as a split; it has {', '.join(folders)}."
        )
    splits, notes = with_val({name: str(folder) for name, folder in folders.items()}, path)
    listed = list_splits({split: folders[name] for name, split in splits.items()}, path)
    return divided(Listing(listed, notes), division, path, path / "train")


def list_splits(folders: Mapping[str, Path], path: Path) -> dict[str, Listed]:
    classes = {split: class_folders(folders[split]) for split in SPLITS if split in folders}
    if strange := set(classes.get("test", ())) - set(classes["train"]):
        raise UsageError(
            f"{path}: {describe(strange)} in '{folders['test'].name}' but not in 'train'; new classes belong in "
            "'novel'."
        )
    listed = {
        split: list_split(folders[split], members, tuple(classes["train" if split == "test" else split]))
        for split, members in classes.items()
    }
    forbid_shared_classes({split: part.classes for split, part in listed.items()}, path, VAL)
    return listed


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
            more = "".join(
                f"; {count:,} {'file is' if count == 1 else 'files are'} {why}" for why, count in others(inside).items()
            )
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
