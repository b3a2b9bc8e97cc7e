"""The user's vectors: rows of a table, or features that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from harness import Split, UsageError, VectorDataset, nearest
from harness_datasets import TableConfig
from harness_datasets.npz import read
from harness_datasets.pictures import OTHER_NAMES, SPLITS, describe, forbid_shared_classes, meant

PARTS = ("vectors", "labels")


class Rows(NamedTuple):
    """Some rows: float32 (N, D), and the name of each one's class, or None."""

    vectors: NDArray[np.float32]
    names: NDArray[np.str_] | None


class Table(VectorDataset):
    """The splits of a table. README.md says what is in it."""

    config: TableConfig

    def load(self) -> Mapping[str, Split]:
        config, path = self.config, self.config.path
        self.corruption = config.corruption
        found = of_arrays(path) if path.suffix == ".npz" else of_frame(frame(path), config.split, config.labels, path)
        return splits_of(found, path)


def frame(path: Path) -> pd.DataFrame:
    """Raises UsageError if it is missing, or cannot be read."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except ImportError as error:
        raise UsageError(f"{path}: to read parquet takes pyarrow: pip install pyarrow.") from error
    except Exception as error:  # whatever a damaged file makes of its reader
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error


def of_frame(table: pd.DataFrame, split: str, label: str, where: Path) -> dict[str, Rows]:
    """The rows of each split; without a column of splits, all are `train`. Raises UsageError."""
    values = table.drop(columns=[name for name in (split, label) if name in table])
    strange = [str(name) for name, kind in values.dtypes.items() if kind.kind not in "fiub"]
    if strange or values.empty:
        said = f"the column {strange[0]!r} holds no numbers" if strange else "there are no columns of numbers"
        raise UsageError(f"{where}: {said}; name the columns that are not values by 'split' and 'label'.")
    vectors = values.to_numpy(dtype=np.float32)
    names = table[label].astype(str).to_numpy(dtype=np.str_) if label in table else None
    of = table[split].astype(str).to_numpy() if split in table else np.full(len(table), "train")
    return {
        str(each): Rows(vectors[of == each], None if names is None else names[of == each]) for each in pd.unique(of)
    }


def of_arrays(path: Path) -> dict[str, Rows]:
    """Of an .npz file with <split>_vectors and <split>_labels. Raises UsageError."""
    fields = read(path)
    keys = [f"{split}_{part}" for split in SPLITS for part in PARTS]
    for key in fields:
        if key not in keys:
            raise UsageError(f"{path}: '{key}' is not one of the arrays that make a table.{nearest(key, keys)}")
    found = {}
    for split in SPLITS:
        vectors, labels = (fields.get(f"{split}_{part}") for part in PARTS)
        if vectors is None:
            if labels is not None:
                raise UsageError(f"{path} has '{split}_labels', but no '{split}_vectors'.")
            continue
        if vectors.ndim != 2 or vectors.dtype.kind not in "fiub":
            raise UsageError(f"{path}: '{split}_vectors' must be numbers (N, D), not {vectors.dtype} {vectors.shape}.")
        if labels is not None and labels.shape != vectors.shape[:1]:
            raise UsageError(f"{path}: '{split}_vectors' has {len(vectors)} rows, but '{split}_labels' {labels.shape}.")
        found[split] = Rows(vectors.astype(np.float32), None if labels is None else labels.astype(np.str_))
    return found


def splits_of(found: Mapping[str, Rows], where: Path) -> dict[str, Split]:
    """Each split's classes numbered from 0; `train` and `test` share theirs. Raises UsageError."""
    for name in found:
        if name not in SPLITS:
            hint = meant(name, "") if name.lower() in OTHER_NAMES else nearest(name, SPLITS)
            raise UsageError(f"{where}: '{name}' is not a split.{hint}")
    if "train" not in found:
        raise UsageError(f"{where} has no rows of the split 'train'.")
    widths = {rows.vectors.shape[1] for rows in found.values()}
    if len(widths) > 1:
        raise UsageError(f"{where}: the vectors of all splits must be of one width, not {sorted(widths)}.")
    train = classes_of(found["train"])
    splits = {}
    for name, rows in found.items():
        own = classes_of(rows)
        if name == "test" and (strange := set(own) - set(train)):
            raise UsageError(
                f"{where}: {describe(strange)} in 'test' but not in 'train'; new classes belong in 'novel'."
            )
        splits[name] = split_of(rows, train if name == "test" else own)
    if found["train"].names is not None:
        forbid_shared_classes({name: split.classes for name, split in splits.items()}, where)
    return splits


def classes_of(rows: Rows) -> tuple[str, ...]:
    """Numbers in their order, then names in theirs."""
    if rows.names is None:
        return ()
    return tuple(sorted(map(str, np.unique(rows.names)), key=lambda name: (int(name) if name.isdecimal() else 0, name)))


def split_of(rows: Rows, classes: Sequence[str]) -> Split:
    vectors = torch.from_numpy(np.ascontiguousarray(rows.vectors))
    if rows.names is None:
        return Split(vectors)
    place = {name: number for number, name in enumerate(classes)}
    return Split(vectors, torch.tensor([place[str(name)] for name in rows.names]), classes)
