"""What is wrong with a data set of Hugging Face is said."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness_hf import HfImagesConfig, HfTextsConfig

from harness import UsageError
from tests.hf_data import COMMIT, datasets, images, picture, rows, saved, texts

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="takes Hugging Face's datasets")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give either 'path' or 'name'"),
        ({"path": Path("a"), "name": "b/c", "revision": COMMIT}, "give either 'path' or 'name'"),
        ({"path": Path("a"), "config": "b"}, "'config' and 'revision' are for a 'name'"),
        ({"name": "a/b"}, "'revision' must be a commit, 40 hexadecimal digits, not None"),
        ({"name": "a/b", "revision": "main"}, r"datasets/a/b/commits/main lists them"),
        ({"name": "../b/c", "revision": COMMIT}, "is no name on Hugging Face's hub"),
    ],
)
def test_options_that_say_too_little_or_too_much(options: dict[str, Any], says: str) -> None:
    for config in (HfImagesConfig, HfTextsConfig):
        with pytest.raises(ValueError, match=says):
            config(**options)


@pytest.mark.parametrize(
    ("columns", "options", "says"),
    [
        ({"image": None}, {}, r"has no column of pictures. It has 'label' \(ClassLabel\)"),
        ({"image": None}, {"image": "label"}, "the column 'label' is ClassLabel.*: no pictures"),
        ({}, {"image": "imag"}, "has no column 'imag'; it has 'image', 'label'. Did you mean 'image'"),
        ({"other": (picture, "image")}, {}, "several columns of pictures: 'image' is one of image, other"),
        ({"label": None}, {}, "has no column of labels: name it by 'labels'. It has 'image'"),
        (
            {"label": None, "fine": (lambda _: 0, "classes"), "coarse": (lambda _: 0, "classes")},
            {},
            "several columns of classes: 'labels' is one of fine, coarse",
        ),
        ({"label": (lambda _: 0.5, "float32")}, {}, "no classes, texts or whole numbers"),
        ({"label": (lambda i: -(i % 2), "classes")}, {}, "row 1 of 'train' has no label.*splits: {test: validation}"),
        ({"label": (lambda _: None, "string")}, {}, "row 0 of 'train' has no label"),
        ({"image": (lambda i: picture(i) if i else None, "image")}, {}, "row 0 of 'train' cannot be read"),
    ],
)
def test_what_is_wrong_with_columns_is_named(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], says: str
) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4, **columns))
    with pytest.raises(UsageError, match=says) as refused:
        images(path, **options).load()
    assert str(path) in str(refused.value)


def test_what_is_wrong_with_texts_is_named(tmp_path: Path) -> None:
    text = "string"
    two = saved(tmp_path / "two", train=rows(0, 4, image=None, a=(str, text), b=(str, text)))
    with pytest.raises(UsageError, match="several columns of texts: 'text' is one of a, b"):
        texts(two).load()
    with pytest.raises(UsageError, match=r"the column 'label' is ClassLabel.*: no texts"):
        texts(two, text="label").load()
    none = saved(tmp_path / "none", train=rows(0, 4, image=None, text=(lambda i: str(i) if i else None, text)))
    with pytest.raises(UsageError, match="row 0 of 'train' has no text"):
        texts(none, test=0.3).load()
    with pytest.raises(UsageError, match=r"has no column of texts\. It has 'image', 'label'"):
        texts(saved(tmp_path / "pictures", train=rows(0, 4))).load()


def test_pictures_elsewhere_are_no_part_of_a_folder(tmp_path: Path) -> None:
    """Their content would not be in the fingerprint. save_to_disk takes pictures in, unless it is not told of them."""
    picture(0).save(tmp_path / "a.png")
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    made = datasets.Dataset.from_dict(
        {"image": [{"bytes": None, "path": str(tmp_path / "a.png")}] * 4, "label": [0, 1] * 2},
        features=datasets.Features({"image": stored, "label": datasets.Value("int64")}),
    )
    made.save_to_disk(tmp_path / "saved")
    info = tmp_path / "saved" / "dataset_info.json"
    described = json.loads(info.read_text())
    info.write_text(json.dumps({**described, "features": {**described["features"], "image": {"_type": "Image"}}}))
    with pytest.raises(UsageError, match=r"row . of 'train' cannot be read as a picture: it is not in the data set"):
        images(tmp_path / "saved").load()


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4))
    [arrow] = (path / "train").glob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:200])
    with pytest.raises(UsageError, match=re.escape(f"{path} cannot be read: ")):
        images(path).load()
    (path / "dataset_dict.json").write_text("[]")
    with pytest.raises(UsageError, match="holds no names with values"):
        HfImagesConfig(path=path).fingerprint()


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4))
    monkeypatch.setitem(sys.modules, "datasets", None)  # its import fails
    with pytest.raises(UsageError, match=r"needs Hugging Face's datasets: pip install 'rep-harness\[hf\]'"):
        images(path).load()


def test_planning_loads_neither_the_library_nor_torch(tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4))
    code = (
        "import sys, pathlib, harness_hf\n"
        f"harness_hf.HfImagesConfig(path=pathlib.Path({str(path)!r})).fingerprint()\n"
        "print({'datasets', 'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
