"""`sentences`: the user's own texts, pairs or triples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pandas as pd

from harness import Split, TextDataset, UsageError, nearest
from harness_text import SentencesConfig
from harness_text.files import lines_of, squeezed
from harness_text.rows import NONE, Rows

SPLITS = ("train", "test", "validation", "novel")
MOST = 3  # columns: a sentence, its pair, its hard negative


class Entry(NamedTuple):
    """One to three sentences of a file, and what it says of them."""

    sentences: tuple[str, ...]
    label: str | None = None
    split: str | None = None


class Sentences(TextDataset):
    """The splits of a file. README.md says what is in it."""

    config: SentencesConfig

    def load(self) -> Mapping[str, Split]:
        config = self.config
        self.augmentation = config.augmentation
        entries, self.notes = cleaned(read(config.path, config.labels, config.split))
        if not entries:
            raise UsageError(f"{config.path} has no sentences.")
        parts = by_split(entries, config.path) if entries[0].split is not None else drawn(entries, config.held_out)
        return splits_of(parts, config.path)


def read(path: Path, label: str, split: str) -> list[Entry]:
    """Raises UsageError if the file is missing, or is not such a file."""
    if path.suffix == ".txt" or path.suffixes[-2:] == [".txt", ".xz"]:
        return [Entry((line,)) for line in lines_of(path)]
    table = frame(path)
    texts = [name for name in table if name not in (label, split)]
    if not 1 <= len(texts) <= MOST:
        raise UsageError(
            f"{path} has {len(texts)} columns of sentences ({', '.join(map(str, texts))}): one is for sentences, two "
            "for pairs, three for pairs with a hard negative. Name those of classes and splits by 'label' and 'split'."
        )
    if len(texts) > 1 and label in table:
        raise UsageError(f"{path}: classes (the column '{label}') are for single sentences, and these are pairs.")
    labels = table[label] if label in table else [None] * len(table)
    splits = table[split] if split in table else [None] * len(table)
    return [
        Entry(tuple(sentences), *said)
        for sentences, *said in zip(zip(*(table[name] for name in texts), strict=True), labels, splits, strict=True)
    ]


def frame(path: Path) -> pd.DataFrame:
    """Everything as text; what is missing is "". Raises UsageError if the file is missing, or cannot be read."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    if path.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{path} is no .txt, .csv or .parquet file.")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        return _texts(pd.read_parquet(path))
    except ImportError as error:
        raise UsageError(f"{path}: to read parquet takes pyarrow: pip install pyarrow.") from error
    except Exception as error:  # whatever a damaged file makes of its reader
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers, such as those of classes, as text; what is missing as ""."""
    return table.map(lambda value: "" if pd.isna(value) else str(value))


def cleaned(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Without those that lack their sentence or its pair, and those whose sentence was there before in the same split:
    in a batch, they would be negatives of each other. What was left out, as notes."""
    kept, seen, empty = [], set[tuple[str | None, str]](), 0
    for entry in entries:
        sentences = tuple(squeezed(each) for each in entry.sentences)
        if not all(sentences[:2]):
            empty += 1
        elif (key := (entry.split, sentences[0])) not in seen:
            seen.add(key)
            kept.append(entry._replace(sentences=sentences))
    twice = len(entries) - len(kept) - empty
    counts = ((twice, "left out, as the sentence was there before"), (empty, "left out, as they are empty"))
    return kept, tuple(f"{count:,} {said}" for count, said in counts if count)


def by_split(entries: Sequence[Entry], where: Path) -> dict[str, list[Entry]]:
    """Raises UsageError for a name that is no split's."""
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        name = entry.split or ""
        if name not in SPLITS:
            raise UsageError(f"{where}: '{name}' is not a split.{nearest(name, SPLITS)}")
        parts.setdefault(name, []).append(entry)
    if "train" not in parts:
        raise UsageError(f"{where} has no rows of the split 'train'.")
    return parts


def drawn(entries: Sequence[Entry], share: float) -> dict[str, list[Entry]]:
    """`test` gets the share of each class, rounded; a class keeps one for `train`. The draw is the same each time."""
    classes: dict[str | None, list[int]] = {}
    for place, entry in enumerate(entries):
        classes.setdefault(entry.label, []).append(place)
    held_out: set[int] = set()
    for places in classes.values():
        Random("sentences").shuffle(places)
        held_out.update(places[: min(round(share * len(places)), len(places) - 1)])
    parts = {
        "train": [entry for place, entry in enumerate(entries) if place not in held_out],
        "test": [entry for place, entry in enumerate(entries) if place in held_out],
    }
    return {name: part for name, part in parts.items() if part}


def splits_of(parts: Mapping[str, Sequence[Entry]], where: Path) -> dict[str, Split]:
    """`train` and `test` share their classes, the others have their own. Raises UsageError if that is not so."""
    own = {name: tuple(sorted({entry.label or "" for entry in part})) for name, part in parts.items()}
    if parts["train"][0].label is None:
        return {name: split_of(part) for name, part in parts.items()}
    if any("" in classes for classes in own.values()):
        raise UsageError(f"{where}: some sentences have no class.")
    for name, classes in own.items():
        common = set(classes) & set(own["train"])
        if name == "test" and (strange := sorted(set(classes) - common)):
            raise UsageError(f"{where}: '{strange[0]}' is in 'test' and not in 'train'; new classes belong in 'novel'.")
        if name in ("validation", "novel") and common:
            raise UsageError(f"{where}: '{min(common)}' is in 'train' and in '{name}', which is for further classes.")
    return {name: split_of(part, own["train" if name == "test" else name]) for name, part in parts.items()}


def split_of(entries: Sequence[Entry], classes: Sequence[str] = ()) -> Split:
    rows, numbers = Rows(), {name: number for number, name in enumerate(classes)}
    for entry in entries:
        first = rows.add(entry.sentences[0], numbers.get(entry.label or "", NONE))
        if len(entry.sentences) > 1:
            second, *negative = (rows.add(each) for each in entry.sentences[1:] if each)
            rows.join(first, second, *negative)
    return rows.split(classes)
