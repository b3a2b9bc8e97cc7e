"""A user's pictures, listed with their labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from harness_datasets import ImageListConfig
from harness_datasets.image_folder import ImageList
from PIL import Image

from harness import Streamed, UsageError
from harness.plugins.registry import registry
from harness.running.prepare import prepare
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from harness.testing import check_dataset

CLASSES = ("ash", "oak")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def rows(folder: Path, number: int = 40) -> pd.DataFrame:
    """Pictures whose colour is their number, of two classes in turn; every fourth is in 'test'."""
    (folder / "photos").mkdir(exist_ok=True)
    for i in range(number):
        Image.new("RGB", (8, 8), (i, 0, 200)).save(folder / f"photos/{i}.png")
    return pd.DataFrame(
        {
            "path": [f"photos/{i}.png" for i in range(number)],
            "label": [CLASSES[i % 2] for i in range(number)],
            "split": ["test" if i % 4 == 1 or i % 8 == 0 else "train" for i in range(number)],
        }
    )


def written(table: pd.DataFrame, folder: Path, ending: str = ".csv") -> Path:
    path = folder / f"list{ending}"
    if ending == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


def load(path: Path, **options: Any) -> Any:
    return ImageList(ImageListConfig(path=path, **options), path.parent / "own").load()


def text(folder: Path, content: str) -> Path:
    path = folder / "list.csv"
    path.write_text(content)
    return path


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_rows_are_pictures_with_their_labels(ending: str, memory_gb: float, tmp_path: Path) -> None:
    table = rows(tmp_path)
    splits = load(written(table, tmp_path, ending), memory_gb=memory_gb)
    assert list(splits) == ["train", "test"]
    for name, split in splits.items():
        part = table[table["split"] == name]
        assert isinstance(split.samples, Streamed) == (memory_gb == 0)
        assert split.samples[torch.arange(len(split))][:, 0, 0, 0].tolist() == part.index.tolist()
        assert split.classes == CLASSES
        assert [split.classes[label] for label in split.labels] == part["label"].tolist()


def test_labels_are_texts_and_names_of_columns_are_options(tmp_path: Path) -> None:
    table = rows(tmp_path, 8).rename(columns={"label": "kind", "split": "fold"})
    table["kind"] = [10, 9] * 4
    path = written(table.rename(columns=str.upper).rename(columns={"PATH": "path"}), tmp_path, ".parquet")
    assert load(path, labels="KIND", split="FOLD")["train"].classes == ("10", "9")
    check_dataset("image_list", path=path, labels="KIND", split="FOLD")


def test_without_a_column_of_splits_a_fifth_is_test(tmp_path: Path) -> None:
    table = rows(tmp_path).drop(columns="split")
    config = ImageListConfig(path=written(table, tmp_path))
    listing = config.listing()
    assert listing.notes == ("'test' is about 20 % of each class, drawn by a hash of their paths",)
    held = set(listing.splits["test"].paths)
    assert 2 <= len(held) <= 16
    shuffled = written(table.sample(frac=1, random_state=0), tmp_path)
    assert set(ImageListConfig(path=shuffled).listing().splits["test"].paths) == held
    assert ImageListConfig(path=shuffled, novel=("ash",)).listing().splits["novel"].labels == [0] * 20


@pytest.mark.parametrize("form", ["joined", "columns"])
@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
def test_several_labels_become_targets(form: str, memory_gb: float, tmp_path: Path) -> None:
    table = rows(tmp_path, 12)
    sets = [{"ash": i % 2, "elm": i % 3 == 0, "oak": i % 4 < 3} for i in range(12)]
    if form == "joined":
        table["label"] = [";".join(name for name, yes in each.items() if yes) for each in sets]
        options: dict[str, Any] = {}
    else:
        table = table.drop(columns="label").assign(**{name: [int(each[name]) for each in sets] for name in sets[0]})
        options = {"labels": ("ash", "elm", "oak")}
    path = written(table, tmp_path)
    dataset = ImageList(ImageListConfig(path=path, memory_gb=memory_gb, **options), tmp_path / "own")
    for name, split in dataset.load().items():
        assert split.classes == ("ash", "elm", "oak")
        assert not split.labelled
        targets = split.column("targets")
        assert targets.dtype == torch.float32
        expected = [[float(yes) for yes in sets[i].values()] for i in table.index[table["split"] == name]]
        assert targets.tolist() == expected
    assert "1.6 labels a picture" in dataset.notes
    one = ImageListConfig(path=path, **options).fingerprint()
    table.loc[0, "label" if form == "joined" else "elm"] = "oak;ash" if form == "joined" else 0
    assert ImageListConfig(path=written(table, tmp_path), **options).fingerprint() != one


def test_several_labels_without_splits(tmp_path: Path) -> None:
    table = rows(tmp_path).drop(columns="split").assign(label="a;b")
    path = written(table, tmp_path)
    assert {*load(path)} == {"train", "test"}
    with pytest.raises(UsageError, match="no class can be 'novel' without the others"):
        load(path, novel=0.5)
    check_dataset("image_list", path=path)


def test_val_rows_are_test_where_there_is_none(tmp_path: Path) -> None:
    table = rows(tmp_path, 16)
    plain = ImageListConfig(path=written(table, tmp_path))
    before, splits = plain.fingerprint(), plain.listing().splits
    table["split"] = table["split"].replace("test", "val")
    written(table, tmp_path)
    assert plain.listing().splits == splits
    assert plain.listing().notes == ("'val' is the split 'test'",)
    assert plain.fingerprint() == before
    table.loc[1, "split"] = "test"
    written(table, tmp_path)
    assert len(plain.listing().splits["test"].paths) == 1
    assert plain.listing().notes == ("'val' is left out, as there is 'test'",)


def test_what_does_not_matter_leaves_the_identity(tmp_path: Path) -> None:
    table = rows(tmp_path, 8)
    config = ImageListConfig(path=written(table, tmp_path))
    before = config.fingerprint()
    table["path"] = [str(tmp_path / each) for each in table["path"]]
    written(table.assign(remark="none")[["remark", "split", "label", "path"]], tmp_path)
    assert config.fingerprint() == before
    table.loc[0, "label"] = "oak"
    written(table, tmp_path)
    assert config.fingerprint() != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,label\na.png,x\n", r"list\.csv:1: there is no column 'path'; it has 'file', 'label'"),
        ("path,labels\na.png,x\n", r"list\.csv:1: there is no column 'label'; .* Did you mean 'labels'\?"),
        ("path,label\na.png,x\n\na.jpg,x\n", r"list\.csv:4: there is no picture .*a\.jpg\. Did you mean 'a\.png'\?"),
        ("path,label\nno/a.png,x\n", r"list\.csv:2: there is no picture .*no/a\.png\. There is no folder .*no either"),
        ('path,label\n"a.png",x,y\n', r"list\.csv:2: 3 values, but the first line has 2"),
        ('path,"la\nbel",label\na.png,1,x\nb.png,1,\n', r"list\.csv:4: there is no label"),
        ("path,label\na.png,x\na.png,y\n", r"list\.csv:3: .*a\.png is listed before, by .*list\.csv:2; .* with ; betw"),
        (
            "path,label,split\na.png,x,train\nb.png,y,tests\n",
            r"list\.csv:3: 'tests' is not a split\. Did you mean 'test",
        ),
        ("path,label,split\na.png,x,train\nb.png,y,\n", r"list\.csv:3: there is no split"),
        ("path,label,split\na.png,x,train\nb.png,y,test\n", r"list\.csv:3: class 'y' is in 'test' but not in 'train'"),
        ("path,label,split\na.png,x,train\nb.png,x,novel\n", r"class 'x' is in 'train' and in 'novel'"),
        ("path,label,split\na.png,x,test\n", r"has no rows of the split 'train'; it has 'test'"),
        ("path,label,split\na.png,x;y,train\nb.png,x,novel\n", r"list\.csv:3: .* so that no class is 'novel' alone"),
        ("path,label,split\na.png,x,val\nb.png,x,dev\n", r"'val' and 'dev'; only one of them can be the split 'test'"),
        ("path,label\n", r"list\.csv lists no pictures"),
        ("", r"list\.csv lists no pictures"),
        ('path,label\na.png,"x\n', r"list\.csv:2: cannot be read: unexpected end of data"),
    ],
)
def test_mistakes_are_named_with_their_line(content: str, said: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("L", (4, 4)).save(tmp_path / f"{name}.png")
    with pytest.raises(UsageError, match=said):
        load(text(tmp_path, content))


def test_mistakes_of_options_and_files_are_named(tmp_path: Path) -> None:
    table = rows(tmp_path, 4).assign(oak=["1", "0", "2", "0"])
    path = written(table, tmp_path)
    with pytest.raises(UsageError, match=r"list\.csv:4: 'oak' must be 0 or 1, not '2'"):
        load(path, labels=("oak",))
    with pytest.raises(UsageError, match=r"list\.csv:1: there is no column 'fold'"):
        load(path, split="fold")
    with pytest.raises(UsageError, match=r"there is no file .*lists\.csv\. Did you mean 'list\.csv'\?"):
        load(tmp_path / "lists.csv")
    with pytest.raises(UsageError, match=r"list\.txt must be a \.csv or a \.parquet file"):
        load(path.rename(tmp_path / "list.txt"))
    path = written(table.assign(label=[*"aba", None]), tmp_path, ".parquet")
    with pytest.raises(UsageError, match=r"list\.parquet: row 4: there is no label"):
        load(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(UsageError, match=r"list\.parquet cannot be read"):
        load(path)
    (tmp_path / "list.csv").write_bytes(b"path,label\na\xff.png,x\n")
    with pytest.raises(UsageError, match=r"list\.csv:1: cannot be read: 'utf-8'"):
        load(tmp_path / "list.csv")


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = written(rows(tmp_path, 8), tmp_path)
    (tmp_path / "photos/3.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"photos/3\.png cannot be read as a picture"):
        load(path)


def test_absolute_paths_and_letters_in_other_bytes(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "b.png")
    path = text(tmp_path, f"\ufeffpath, label\n{tmp_path}/a.png, gr\u00fcn\nb.png,gru\u0308n\n")
    assert ImageListConfig(path=path).listing().splits["train"].classes == ("gr\u00fcn",)


def test_a_suite_takes_a_list(tmp_path: Path) -> None:
    """With the names of columns as its options, and the list found from the suite's folder."""
    table = rows(tmp_path, 16).rename(columns={"label": "kind"})
    written(table, tmp_path)
    (tmp_path / "suite.yaml").write_text(
        "name: trees\nmatrix:\n  method: [untrained]\n  backbone: [conv4]\n"
        "  dataset: [{use: image_list, path: list.csv, labels: kind}]\nbudget: {steps: 2, batch_size: 4}\n"
        "evaluators:\n  knn: {k: 1}\n"
    )
    store = Store(tmp_path / "results")
    path = store.write_plan(Plan.of(load_suite(tmp_path / "suite.yaml", registry())))
    prepare(path)
    found = json.loads(store.findings(path).read_text())
    assert found["errors"] == []
    assert found["read"] == [
        "image_list (path=list.csv, labels=kind): train 10 samples of 2 classes, test 6 of 2; squares of 8 pixels"
    ]
    (tmp_path / "suite.yaml").write_text((tmp_path / "suite.yaml").read_text().replace("kind}", "[kind]}"))
    with pytest.raises(UsageError, match=r"suite\.yaml:5: .*list\.csv:2: 'kind' must be 0 or 1, not 'ash'"):
        Plan.of(load_suite(tmp_path / "suite.yaml", registry()))


def test_the_list_of_the_readme_is_read(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```csv\n(.*?)```", readme, re.DOTALL)
    path = text(tmp_path, block)
    for name in re.findall(r"^photos/\S+\.jpg", block, re.MULTILINE):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    splits = ImageListConfig(path=path).listing().splits
    assert splits["train"].label_texts() == ["oak", "diseased;oak"]
    assert splits["test"].label_texts() == ["oak"]
