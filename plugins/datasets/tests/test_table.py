"""A user's own vectors from parquet, CSV and .npz: the same splits, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from harness_datasets import TableConfig
from harness_datasets.table import Table

from harness import UsageError, load_suite
from harness.testing import check_dataset


def rows() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(60, 3)), columns=["width", "height", "age"])
    table["split"] = np.repeat(["train", "test", "novel"], 20)
    table["label"] = [*(["b", "a"] * 20), *(["d", "c"] * 10)]
    return table


def load(path: Path, **options: Any) -> Any:
    return Table(TableConfig(path=path, **options), path.parent).load()


def written(table: pd.DataFrame, folder: Path, ending: str) -> Path:
    path = folder / f"mine{ending}"
    if ending == ".npz":
        values = table.drop(columns=["split", "label"]).to_numpy()
        of = table["split"].to_numpy()
        labels = table["label"].to_numpy(dtype=str)
        np.savez(path, **{f"{split}_vectors": values[of == split] for split in pd.unique(of)},
                 **{f"{split}_labels": labels[of == split] for split in pd.unique(of)})  # fmt: skip
    elif ending == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".npz"])
def test_all_files_give_the_same_splits(ending: str, tmp_path: Path) -> None:
    table = rows()
    splits = load(written(table, tmp_path, ending))
    assert {name: split.classes for name, split in splits.items()} == {
        "train": ("a", "b"), "test": ("a", "b"), "novel": ("c", "d")
    }  # fmt: skip
    part = table[table["split"] == "test"]
    expected = torch.tensor(part[["width", "height", "age"]].to_numpy(), dtype=torch.float32)
    torch.testing.assert_close(splits["test"].samples, expected)
    assert [splits["test"].classes[label] for label in splits["test"].labels] == part["label"].tolist()


def test_without_columns_of_labels_and_splits_all_is_train_and_has_none(tmp_path: Path) -> None:
    splits = load(written(rows().drop(columns=["split", "label"]), tmp_path, ".parquet"))
    assert list(splits) == ["train"]
    assert not splits["train"].labelled


def change(name: str, value: Any) -> Any:
    return lambda table: table.assign(**{name: value})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (change("colour", "red"), "the column 'colour' holds no numbers"),
        (change("split", "trian"), "'trian' is not a split. Did you mean 'train'"),
        (change("split", "val"), "put it into 'train'"),
        (change("split", "test"), "has no rows of the split 'train'"),
        (lambda table: table.assign(label=table["label"].where(table["split"] != "test", "e")), "in 'test' but not in"),
        (lambda table: table.assign(label="a"), "which must share no class"),
        (lambda table: table[["split", "label"]], "there are no columns of numbers"),
    ],
)
def test_mistakes_are_named(changed: Any, said: str, tmp_path: Path) -> None:
    path = written(changed(rows()), tmp_path, ".parquet")
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"vectors": np.zeros((3, 2))}, "'vectors' is not one of the arrays"),
        ({"train_vectors": np.zeros((3, 2)), "train_labels": np.zeros(2)}, "has 3 rows, but 'train_labels' (2,)"),
        ({"train_vectors": np.zeros(3)}, "must be numbers (N, D)"),
        ({"train_labels": np.zeros(3)}, "has 'train_labels', but no 'train_vectors'"),
        ({"train_vectors": np.zeros((3, 2)), "test_vectors": np.zeros((3, 4))}, "of one width, not [2, 4]"),
    ],
)
def test_mistakes_in_arrays_are_named(arrays: Any, said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "mine.npz")
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_what_is_no_parquet_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_bytes(content)
    with pytest.raises(UsageError, match=r"mine\.parquet cannot be read"):
        load(tmp_path / "mine.parquet")
    with pytest.raises(UsageError, match="there is no file"):
        load(tmp_path / "missing.parquet")


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_dataset("table", path=written(rows(), tmp_path, ".parquet"))


def test_a_suite_names_the_column_of_the_classes(tmp_path: Path) -> None:
    path = written(rows().rename(columns={"label": "kind"}), tmp_path, ".csv")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"matrix: {{method: simclr, backbone: mlp, dataset: {{use: table, path: {path.name}, labels: kind}}}}\n"
        "budget: {steps: 1}\nevaluators: {knn: {}}\n"
    )
    (cell,) = load_suite(suite).cells
    config: Any = cell.dataset.config
    assert Table(config, tmp_path).load()["train"].classes == ("a", "b")
