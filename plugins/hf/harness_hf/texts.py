"""`hf_texts`: texts of the library's data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_datasets.arrays import labels_of, with_labels
from harness_datasets.pictures import Listed

from harness import Split, TextDataset, UsageError
from harness_hf import HfTextsConfig
from harness_hf.identity import called
from harness_hf.library import splits_of
from harness_hf.rows import Row, Wanted, known, list_rows

TEXT = "text"


class HfTexts(TextDataset):
    """The splits of a data set of texts, with labels or without."""

    config: HfTextsConfig

    def load(self) -> Mapping[str, Split]:
        config = self.config
        self.augmentation = config.augmentation

        def column(rows: Any, where: Path, labels: str) -> str:
            return text_column(rows, config.text, labels, where)

        wanted = Wanted(column, config.labels, config.splits, config.division, embedded=True, unlabelled=True)
        listing = list_rows(splits_of(config), wanted, called(config))
        self.notes = listing.notes
        return {name: split_of(part) for name, part in listing.splits.items()}


def split_of(part: Listed) -> Split:
    texts = [text_of(row) for row in part.paths if isinstance(row, Row)]
    return with_labels(texts, labels_of(part), part.classes)


def text_of(row: Row) -> str:
    """Raises UsageError if there is none."""
    value = row.column[row.place].as_py()
    if value is None:
        raise UsageError(f"{row} has no text.")
    return str(value)


def text_column(rows: Any, name: str | None, labels: str, where: Path) -> str:
    """Raises UsageError that names the columns there are."""
    texts = [
        each for each, feature in rows.features.items() if getattr(feature, "dtype", "") in ("string", "large_string")
    ]
    if name is not None and known(name, rows, where) not in texts:
        raise UsageError(f"{where}: the column '{name}' is {rows.features[name]}: no texts.")
    if name is not None or TEXT in texts:
        return name or TEXT
    free = [each for each in texts if each != labels]
    if len(free) != 1:
        which = f"several columns of texts: 'text' is one of {', '.join(free)}" if free else "no column of texts"
        raise UsageError(f"{where} has {which}. It has {', '.join(map(repr, rows.column_names))}.")
    return free[0]
