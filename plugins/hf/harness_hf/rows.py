"""Converts rows of Hugging Face data sets with their labels to our splits."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness_datasets.division import Division, divided
from harness_datasets.pictures import Listing
from harness_datasets.samples import Sample, list_samples

from harness import UsageError, nearest
from harness_hf import Splits
from harness_hf.library import library
from harness_hf.splits import assigned

USUAL = ("label", "labels")  # what columns of labels are called


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a split, of which `column` has the picture: its bytes, or where the library keeps them."""

    file: Path  # of Arrow's that it is in
    split: str
    place: int
    column: Any
    embedded: bool  # whether the picture must be in the row

    @property
    def name(self) -> str:
        return f"{self.split}/{self.place}"

    def __str__(self) -> str:
        return f"{self.file.parent}: row {self.place} of '{self.split}'"

    def open(self, mode: Literal["rb"]) -> io.BytesIO:
        value = self.column[self.place].as_py()
        if not isinstance(value, dict):
            raise OSError("there is none")
        if value.get("bytes") is not None:
            return io.BytesIO(value["bytes"])
        if self.embedded or not value.get("path"):
            raise OSError("it is not in the data set: save_to_disk takes pictures in")
        with Path(value["path"]).open(mode) as file:
            return io.BytesIO(file.read())


class Labels(NamedTuple):
    """Of the rows of a split, as texts; `several`: whether each has a list. `classes`: all that the set declares."""

    texts: list[tuple[str, ...]]
    several: bool
    classes: tuple[str, ...] | None


class Wanted(NamedTuple):
    """What options say of the rows; `column`: which has the samples, of a split."""

    column: Callable[[Any, Path, str], str]
    labels: str | None
    splits: Splits
    division: Division
    embedded: bool
    unlabelled: bool  # whether there may be no labels


def list_rows(found: Mapping[str, Any], wanted: Wanted, where: Path) -> Listing:
    """All rows by split; no picture is opened. Raises UsageError."""
    ours, notes = assigned(list(found), wanted.splits, where)
    parts: dict[str, list[Sample]] = {}
    found_labels: list[Labels] = []
    for split, theirs in ours.items():
        rows = found[theirs]
        column = labels_column(rows, wanted.labels, where)
        if column is None and not wanted.unlabelled:
            raise UsageError(
                f"{where} has no column of labels: name it by 'labels'. It has "
                f"{', '.join(map(repr, rows.column_names))}."
            )
        labels = labels_of(rows, column, where, theirs)
        found_labels.append(labels)
        sample = wanted.column(rows, where, column or "")
        parts[split] = [
            Sample(Row(file, theirs, place, rows.data.column(sample), wanted.embedded), texts)
            for (file, place), texts in zip(places_of(rows), labels.texts, strict=True)
        ]
        if not parts[split]:
            raise UsageError(f"{where} has no rows in the split '{theirs}'.")
    several = any(labels.several for labels in found_labels)
    declared = {labels.classes for labels in found_labels}
    classes = declared.pop() if len(declared) == 1 else None
    listing = Listing(list_samples(parts, several, where, classes), notes)
    alone = list(ours) == ["train"]
    return divided(listing, wanted.division.of_no_splits() if alone else wanted.division, where, where)


def places_of(rows: Any) -> Iterator[tuple[Path, int]]:
    """The file of Arrow's that each row is in, and its number in the split."""
    place = 0
    for each in rows.cache_files:
        for _ in range(library().Dataset.from_file(each["filename"]).num_rows):
            yield Path(each["filename"]), place
            place += 1


def labels_column(rows: Any, name: str | None, where: Path) -> str | None:
    """Raises UsageError if there is no such column, or several of classes."""
    if name is not None:
        return known(name, rows, where)
    if usual := [each for each in USUAL if each in rows.column_names]:
        return usual[0]
    kind = library().ClassLabel
    classes = [each for each, feature in rows.features.items() if isinstance(inner(feature) or feature, kind)]
    if len(classes) > 1:
        raise UsageError(f"{where} has several columns of classes: 'labels' is one of {', '.join(classes)}.")
    return classes[0] if classes else None


def known(name: str, rows: Any, where: Path) -> str:
    """Raises UsageError that names the columns there are."""
    if name not in rows.column_names:
        columns = ", ".join(map(repr, rows.column_names))
        raise UsageError(f"{where} has no column '{name}'; it has {columns}.{nearest(name, rows.column_names)}")
    return name


def inner(feature: Any) -> Any:
    """What a list is of; None of what is no list."""
    datasets = library()
    return feature.feature if isinstance(feature, datasets.List | datasets.LargeList) else None


def labels_of(rows: Any, column: str | None, where: Path, split: str) -> Labels:
    """Raises UsageError for what are no labels, and for rows that have none."""
    if column is None:
        return Labels([()] * len(rows), True, ())
    feature = rows.features[column]
    of = inner(feature) or feature
    several, names = of is not feature, getattr(of, "names", None)
    dtype = str(getattr(of, "dtype", ""))
    if names is None and not dtype.startswith(("int", "uint", "string", "large_string", "bool")):
        raise UsageError(f"{where}: the column '{column}' is {feature}: no classes, texts or whole numbers.")
    values: Sequence[Any] = rows.data.column(column).to_pylist()
    texts = []
    for place, value in enumerate(values):
        labels = (value or ()) if several else (value,)
        if any(each is None or (names and not 0 <= each < len(names)) for each in labels):
            raise UsageError(
                f"{where}: row {place} of '{split}' has no label ('{column}' is {value}). Where a split has none at "
                "all, as tests of competitions do, 'splits' takes another: splits: {test: validation}."
            )
        texts.append(tuple(names[each] if names else str(each) for each in labels))
    return Labels(texts, several, tuple(names) if names else None)
