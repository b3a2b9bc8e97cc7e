"""A list of pictures with their labels, a CSV or parquet file, as splits. Imports neither torch nor Pillow."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness import UsageError, nearest
from harness_datasets.division import Division, divided
from harness_datasets.folders import VAL
from harness_datasets.pictures import SPLITS, Listed, Listing, forbid_shared_classes, with_val

PATH, SPLIT = "path", "split"  # names of columns
BETWEEN = ";"  # labels of one picture
YES = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": False}


class Row(NamedTuple):
    """`number`: of its line, or of its row in a parquet file; `split`: "" where the list has none."""

    number: int
    path: Path
    labels: tuple[str, ...]
    split: str


class Lines(NamedTuple):
    """The rows of a file by column: those of `numbers`, as texts."""

    file: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, Sequence[str]]]

    def place(self, number: int) -> str:
        return f"{self.file}:{number}" if self.file.suffix.lower() == ".csv" else f"{self.file}: row {number}"

    def column(self, name: str) -> int:
        """Raises UsageError if there is no such column."""
        if name not in self.columns:
            raise UsageError(
                f"{self.place(1)}: there is no column '{name}'; it has {', '.join(map(repr, self.columns)) or 'none'}."
                f"{close(name, self.columns)}"
            )
        return self.columns.index(name)


def list_rows(file: Path, label: str | tuple[str, ...], split: str, division: Division) -> Listing:
    """All pictures by split; none is opened. Raises UsageError."""
    lines = read_lines(file)
    if not lines.rows:
        raise UsageError(f"{file} lists no pictures.")
    several = not isinstance(label, str) or any(BETWEEN in row[lines.column(label)] for _, row in lines.rows)
    rows = checked(list(rows_of(lines, label, split, several)), lines)
    given: dict[str, int] = {}
    for row in rows:
        if row.split:
            given.setdefault(row.split, row.number)
    if not given:
        classes = ordered(rows, label)
        train = listed(rows, classes, several, lines)
        return divided(Listing({"train": train}), division.of_no_splits(), file, file.parent)
    splits, notes = with_val({name: f"{lines.place(number)}: '{name}'" for name, number in given.items()}, file)
    parts = {splits[name]: [row for row in rows if row.split == name] for name in given if name in splits}
    if "train" not in parts:
        raise UsageError(f"{file} has no rows of the split 'train'; it has {', '.join(map(repr, given))}.")
    if several and (further := [name for name in parts if name not in ("train", "test")]):
        raise UsageError(
            f"{lines.place(given[further[0]])}: pictures have several labels, so that no class is '{further[0]}' "
            "alone; they can be 'train' and 'test'."
        )
    train_classes = ordered(parts["train"], label)
    made = {
        name: listed(parts[name], train_classes if name == "test" else ordered(parts[name], label), several, lines)
        for name in SPLITS
        if name in parts
    }
    forbid_shared_classes({name: part.classes for name, part in made.items()}, file, VAL)
    return divided(Listing(made, notes), division, file, file.parent)


def rows_of(lines: Lines, label: str | tuple[str, ...], split: str, several: bool) -> Iterator[Row]:
    """Raises UsageError for a column that is missing, and for a row without a label or a split."""
    where = lines.column(PATH)
    places = [lines.column(name) for name in ((label,) if isinstance(label, str) else label)]
    of = lines.column(split) if split != SPLIT or SPLIT in lines.columns else None
    for number, row in lines.rows:
        if isinstance(label, str):
            texts = row[places[0]].split(BETWEEN) if several else [row[places[0]]]
            labels = tuple(dict.fromkeys(unicodedata.normalize("NFC", text.strip()) for text in texts if text.strip()))
        else:
            labels = tuple(name for name, at in zip(label, places, strict=True) if marked(row[at], name, number, lines))
        if not labels and not several:
            raise UsageError(f"{lines.place(number)}: there is no label.")
        if of is not None and not row[of].strip():
            raise UsageError(f"{lines.place(number)}: there is no split. Known: {', '.join(SPLITS)}.")
        yield Row(number, lines.file.parent / row[where], labels, "" if of is None else row[of].strip())


def marked(text: str, name: str, number: int, lines: Lines) -> bool:
    """Whether a picture is of a class that has a column of its own. Raises UsageError."""
    yes = YES.get(text.strip().lower())
    if yes is None:
        raise UsageError(f"{lines.place(number)}: '{name}' must be 0 or 1, not {text!r}.")
    return yes


def checked(rows: list[Row], lines: Lines) -> list[Row]:
    """Raises UsageError for a picture that is not there, or there twice."""
    seen: dict[Path, int] = {}
    for row in rows:
        if not row.path.is_file():
            raise UsageError(f"{lines.place(row.number)}: there is no picture {row.path}.{neighbour(row.path)}")
        if row.path in seen:
            raise UsageError(
                f"{lines.place(row.number)}: {row.path} is listed before, by {lines.place(seen[row.path])}; a picture "
                f"has one row, with {BETWEEN} between its labels if there are several."
            )
        seen[row.path] = row.number
    return rows


def ordered(rows: Sequence[Row], label: str | tuple[str, ...]) -> tuple[str, ...]:
    """The classes: in the order of their columns, or of their names."""
    return tuple(sorted({name for row in rows for name in row.labels})) if isinstance(label, str) else label


def listed(rows: Sequence[Row], classes: tuple[str, ...], several: bool, lines: Lines) -> Listed:
    """Raises UsageError for a label that is not among the classes."""
    number = {name: place for place, name in enumerate(classes)}
    for row in rows:
        for name in row.labels:
            if name not in number:
                raise UsageError(
                    f"{lines.place(row.number)}: class '{name}' is in '{row.split}' but not in 'train'; "
                    + ("add pictures of it to 'train'." if several else "new classes belong in 'novel'.")
                )
    paths, targets = [row.path for row in rows], [tuple(sorted(number[name] for name in row.labels)) for row in rows]
    if several:
        return Listed(paths, [], classes, {}, targets)
    return Listed(paths, [target[0] for target in targets], classes, {})


def read_lines(file: Path) -> Lines:
    """Raises UsageError if the file is missing, or cannot be read."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}.{neighbour(file)}")
    if file.suffix.lower() == ".csv":
        return csv_lines(file)
    if file.suffix.lower() == ".parquet":
        return parquet_lines(file)
    raise UsageError(f"{file} must be a .csv or a .parquet file.")


def csv_lines(file: Path) -> Lines:
    rows: list[tuple[int, Sequence[str]]] = []
    columns: tuple[str, ...] = ()
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.reader(text, strict=True)
        number = 1
        try:
            for row in reader:
                if not columns:
                    columns = tuple(name.strip() for name in row)
                elif row:
                    if len(row) != len(columns):
                        raise UsageError(f"{file}:{number}: {len(row)} values, but the first line has {len(columns)}.")
                    rows.append((number, row))
                number = reader.line_num + 1
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{file}:{number}: cannot be read: {error}.") from error
    return Lines(file, columns, rows)


def parquet_lines(file: Path) -> Lines:
    try:
        from pyarrow import parquet  # for these alone: it is an extra
    except ImportError as error:
        raise UsageError(f"{file}: to read parquet takes pyarrow: pip install pyarrow.") from error
    try:
        table: Mapping[str, list[Any]] = parquet.read_table(file).to_pydict()
    except Exception as error:  # whatever a damaged file makes of its reader
        raise UsageError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from error
    texts = [["" if each is None else str(each) for each in values] for values in table.values()]
    return Lines(file, tuple(table), [(number, row) for number, row in enumerate(zip(*texts, strict=True), 1)])


def neighbour(path: Path) -> str:
    """The file beside a missing one that it may mean, for the end of a message."""
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {folder} either."
    return close(path.name, [each.name for each in folder.iterdir()])


def close(name: str, known: Sequence[str]) -> str:
    """`nearest`, where one is: all names of a folder would fill the screen."""
    return nearest(name, known) if difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1) else ""
