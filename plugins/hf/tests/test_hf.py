"""Hugging Face's data sets, which the tests make by the library's own functions."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig
from harness_datasets.image_folder import ImageFolder
from harness_hf import HfImagesConfig, HfTextsConfig
from PIL import Image

from harness import StreamedImages, UsageError
from harness.testing import check_dataset
from tests import warm

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="takes Hugging Face's datasets")


class Library:
    """Imported when it is first used: that takes seconds, which would be those of each process that collects tests."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pytest looks at all that a module has
            raise AttributeError(name)
        return getattr(importlib.import_module("datasets"), name)


datasets: Any = Library()
CLASSES = ["bee", "ant"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)  # there is no network here; one test asks without
    datasets.disable_progress_bars()


def picture(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (13, 11, 3), dtype=np.uint8))


def feature(kind: Any) -> Any:
    """A column's: of classes, of pictures, of values of a type, or a list of one of these."""
    if isinstance(kind, list):
        return datasets.List(feature(*kind))
    made = {"classes": lambda: datasets.ClassLabel(names=CLASSES), "image": datasets.Image}
    return made[kind]() if kind in made else datasets.Value(kind)


def rows(first: int, number: int, **columns: Any) -> Any:
    """Pictures and their classes, in turn, or other columns: a value, and what it is, for each row."""
    features = {"image": feature("image"), "label": feature("classes")}
    numbers = range(first, first + number)
    values = {"image": [picture(i) for i in numbers], "label": [i % 2 for i in numbers]}
    for name, column in columns.items():
        if column is None:
            del features[name], values[name]
        else:
            make, kind = column
            features[name] = feature(kind)
            values[name] = [make(i) for i in numbers]
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def saved(folder: Path, **splits: Any) -> Path:
    datasets.DatasetDict(splits).save_to_disk(folder)
    return folder


def of_images(config: HfImagesConfig, folder: Path) -> Any:
    from harness_hf.images import HfImages  # imports the library

    return HfImages(config, folder / "own")


def images(path: Path, **options: Any) -> Any:
    return of_images(HfImagesConfig(path=path, **options), path.parent)


def texts(path: Path, **options: Any) -> Any:
    from harness_hf.texts import HfTexts  # imports the library

    return HfTexts(HfTextsConfig(path=path, **options), path.parent / "own")


def plain(samples: Any) -> torch.Tensor:
    return samples[torch.arange(len(samples))]


def sizes(splits: Mapping[str, Any]) -> dict[str, int]:
    return {name: len(split) for name, split in splits.items()}


TEXT = {"image": None, "text": (lambda i: f"text {i}", "string")}


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
def test_pixels_are_those_of_a_folder_of_the_same_pictures(tmp_path: Path, memory_gb: float) -> None:
    """In memory, and streamed: whole pictures, and parts of them; of a split in two files."""
    path = tmp_path / "saved"
    parts = datasets.DatasetDict(train=rows(0, 12), test=rows(12, 4))
    parts.save_to_disk(path, num_shards={"train": 2, "test": 1})
    found = images(path, size=8, memory_gb=memory_gb).load()
    for i in range(16):
        place = tmp_path / "pictures" / ("train" if i < 12 else "test") / CLASSES[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture(i).save(place / f"{i:06d}.png")
    config = ImageFolderConfig(path=tmp_path / "pictures", size=8, memory_gb=memory_gb)
    expected = ImageFolder(config, tmp_path / "own").load()
    assert list(found) == list(expected) == ["train", "test"]
    for name, split in expected.items():
        order = torch.argsort(1 - found[name].labels, stable=True)  # folders are read class by class
        assert found[name].classes == tuple(CLASSES)  # in the order that the library has them
        assert torch.equal(1 - found[name].labels[order], split.labels)
        assert torch.equal(plain(found[name].samples)[order], plain(split.samples))
        if memory_gb:
            continue
        assert isinstance(found[name].samples, StreamedImages)
        assert isinstance(split.samples, StreamedImages)
        boxes = torch.tensor([[[1, 2, 6, 5], [0, 0, 13, 11]]]).expand(len(order), 2, 4)
        crops = found[name].samples.parts(order, boxes)
        assert torch.equal(crops, split.samples.parts(torch.arange(len(order)), boxes))


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
def test_pictures_conform(tmp_path: Path, memory_gb: float) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 12), validation=rows(12, 6))
    check_dataset("hf_images", path=path, size=8, memory_gb=memory_gb)


def test_texts_conform(tmp_path: Path) -> None:
    check_dataset("hf_texts", path=saved(tmp_path / "saved", train=rows(0, 12, **TEXT), validation=rows(12, 6, **TEXT)))


def test_texts_are_as_they_are_with_labels_and_without(tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 6, **TEXT), test=rows(6, 2, **TEXT))
    found = texts(path).load()
    assert list(found["train"].samples) == [f"text {i}" for i in range(6)]
    assert list(found["test"].samples) == ["text 6", "text 7"]
    assert found["train"].classes == tuple(CLASSES)
    assert found["train"].labels.tolist() == [0, 1, 0, 1, 0, 1]
    other = {"image": None, "label": None, "sentence": TEXT["text"]}
    dataset = texts(saved(tmp_path / "plain", train=rows(0, 40, **other)))
    splits = dataset.load()
    assert not splits["train"].labelled
    assert not splits["train"].columns
    assert sizes(splits)["train"] + sizes(splits)["test"] == 40
    assert dataset.notes == ("'test' is about 20 % of the samples, drawn by a hash of their names",)


@pytest.mark.parametrize(
    ("names", "options", "expected", "notes"),
    [
        (("train", "validation"), {}, {"train": 4, "test": 5}, ("'validation' is the split 'test'",)),
        (("train", "test", "validation"), {}, {"train": 4, "test": 5}, ("'validation' is left out",)),
        (
            ("train", "test", "validation", "unsupervised"),
            {"test": "validation"},
            {"train": 4, "test": 6},
            ("'validation' is the split 'test'", "'test' is left out", "'unsupervised' is left out"),
        ),
    ],
)
def test_what_becomes_of_their_splits_is_said(
    tmp_path: Path, names: tuple[str, ...], options: dict[str, str], expected: dict[str, int], notes: tuple[str, ...]
) -> None:
    from harness_hf import Splits

    path = saved(tmp_path / "saved", **{name: rows(10 * i, 4 + i, **TEXT) for i, name in enumerate(names)})
    dataset = texts(path, splits=Splits(**options))
    assert sizes(dataset.load()) == expected
    assert dataset.notes == notes


def test_a_split_that_was_saved_alone_is_divided(tmp_path: Path) -> None:
    rows(0, 40).save_to_disk(tmp_path / "saved")
    dataset = images(tmp_path / "saved", size=8)
    found = sizes(dataset.load())
    assert found["train"] + found["test"] == 40
    assert "'test' is about 20 % of each class, drawn by a hash of their names" in dataset.notes
    splits = images(tmp_path / "saved", size=8, novel=("ant",)).load()
    assert splits["novel"].classes == ("ant",)
    assert len(splits["novel"]) == 20


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        ((lambda i: ["10", "9"][i % 2], "string"), ("9", "10")),
        ((lambda i: ["x", "b"][i % 2], "large_string"), ("b", "x")),
        ((lambda i: [7, 30][i % 2], "int32"), ("7", "30")),
    ],
)
def test_labels_are_classes_texts_or_whole_numbers(tmp_path: Path, column: Any, classes: tuple[str, ...]) -> None:
    path = saved(tmp_path / "saved", train=rows(0, 4, label=column), test=rows(4, 2, label=column))
    for split in images(path).load().values():
        assert split.classes == classes
        assert split.classes[split.labels[0]] == str(column[0](0))


def several(kind: str) -> tuple[Any, Any]:
    values = [[0], [], [0, 1]]
    return lambda i: [f"c{each}" if kind == "string" else each for each in values[i % 3]], [kind]


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("classes", tuple(CLASSES)),
        ("int64", ("0", "1")),
        ("string", ("c0", "c1")),
    ],
)
def test_lists_of_labels_become_targets(tmp_path: Path, kind: str, classes: tuple[str, ...]) -> None:
    options = {"label": None, "tags": several(kind)}
    dataset = images(saved(tmp_path / "saved", train=rows(0, 6, **options), test=rows(6, 3, **options)), labels="tags")
    splits = dataset.load()
    for name, times in (("train", 2), ("test", 1)):
        assert not splits[name].labelled
        assert splits[name].classes == classes
        assert splits[name].column("targets").dtype == torch.float32
        assert splits[name].column("targets").tolist() == [[1, 0], [0, 0], [1, 1]] * times
    assert "1 labels a picture" in dataset.notes


def test_content_and_options_are_the_identity_and_the_folder_is_not(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", train=rows(0, 6), test=rows(6, 2))
    shutil.copytree(one, tmp_path / "two")
    config = HfImagesConfig(path=one)
    assert config.fingerprint() == HfImagesConfig(path=tmp_path / "two").fingerprint()
    changed = [
        saved(tmp_path / "pixels", train=rows(1, 6), test=rows(6, 2)),
        saved(tmp_path / "splits", train=rows(0, 6), validation=rows(6, 2)),
    ]
    renamed = shutil.copytree(one, tmp_path / "names") / "train" / "dataset_info.json"
    renamed.write_text(renamed.read_text().replace("bee", "wasp"))
    found = [HfImagesConfig(path=path).fingerprint() for path in (*changed, tmp_path / "names")]
    others = [
        HfImagesConfig(path=one, **options).fingerprint()
        for options in ({"memory_gb": 1.0}, {"test": 0.5}, {"labels": "label"})
    ]
    assert len({config.fingerprint(), *found, *others}) == 7


def fetched(cache: Path, *configs: str) -> None:
    """Writes the library's cache as a name on the hub would, by the library's own builder."""

    class Hub(datasets.GeneratorBasedBuilder):  # type: ignore[misc]
        VERSION = datasets.Version("0.0.0")
        BUILDER_CONFIGS = [datasets.BuilderConfig(name=name) for name in ("default", "second")]  # noqa: RUF012

        def _info(self) -> Any:
            return datasets.DatasetInfo(features=rows(0, 1).features)

        def _split_generators(self, _: Any) -> Any:
            return [datasets.SplitGenerator(name=name, gen_kwargs={"split": name}) for name in ("train", "validation")]

        def _generate_examples(self, split: str) -> Any:
            first, number = {"train": (0, 12), "validation": (12, 6)}[split]
            for i in range(first, first + number):
                stored = io.BytesIO()
                picture(i).save(stored, "png")
                yield i, {"image": {"bytes": stored.getvalue(), "path": None}, "label": i % 2}

    for config in configs:
        named = {"dataset_name": "Insects", "repo_id": "some-one/Insects", "config_name": config}
        Hub(cache_dir=str(cache), hash=COMMIT, **named).download_and_prepare()


NAMED = {"name": "some-one/Insects", "revision": COMMIT}


def test_a_name_in_the_library_s_cache_is_read_without_a_network(tmp_path: Path) -> None:
    fetched(tmp_path / "hf", "default")
    dataset = of_images(HfImagesConfig(**NAMED, size=8), tmp_path)
    found = dataset.load()
    expected = images(saved(tmp_path / "saved", train=rows(0, 12), test=rows(12, 6)), size=8).load()
    for name, split in expected.items():
        assert torch.equal(found[name].samples, split.samples)  # type: ignore[arg-type]
        assert torch.equal(found[name].labels, split.labels)
    assert "'validation' is the split 'test'" in dataset.notes
    fetched(tmp_path / "hf", "second")
    assert sizes(dataset.load()) == {"train": 12, "test": 6}
    shutil.rmtree(tmp_path / "hf" / "some-one___insects" / "default")
    with pytest.raises(
        UsageError, match="'default' of some-one/Insects is not in Hugging Face's cache, which has 'second'"
    ):
        dataset.load()
    check_dataset("hf_images", **NAMED, config="second", size=8)  # `name` is an option, beside the component's own


def test_a_commit_is_never_taken_for_another(tmp_path: Path) -> None:
    fetched(tmp_path / "hf", "default")
    other = HfImagesConfig(name="some-one/Insects", revision=COMMIT[::-1])
    assert other.fingerprint() != HfImagesConfig(**NAMED).fingerprint()
    with pytest.raises(UsageError, match="is not in Hugging Face's cache, and HF_HUB_OFFLINE is set"):
        of_images(other, tmp_path).load()


def test_without_a_network_one_question_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nobody(name: str, *, revision: str, timeout: float) -> None:
        asked.append(f"{name} {revision} {timeout}")
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.dataset_info", nobody)
    with pytest.raises(UsageError) as refused:
        of_images(HfImagesConfig(**NAMED), tmp_path).load()
    assert asked == [f"some-one/Insects {COMMIT} 10.0"]
    assert "cannot be fetched (ConnectionError: no route to host)" in str(refused.value)
    assert f"datasets.load_dataset('some-one/Insects', None, revision='{COMMIT}')" in str(refused.value)


def test_what_is_not_in_the_cache_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's part is played by the library's own builder, which fills the cache."""
    calls: list[tuple[Any, ...]] = []

    def load_dataset(name: str, config: str | None, *, revision: str) -> None:
        calls.append((name, config, revision))
        fetched(tmp_path / "hf", config or "second")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.dataset_info", lambda *_, **__: None)
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    for _ in range(2):
        found = of_images(HfImagesConfig(**NAMED, config="second", size=8), tmp_path).load()
        assert sizes(found) == {"train": 12, "test": 6}
    assert calls == [("some-one/Insects", "second", COMMIT)]
    with pytest.raises(
        UsageError, match=r"'default' of .* is not what the hub gives for commit .*, which has 'second'"
    ):
        of_images(HfImagesConfig(**NAMED, size=8), tmp_path).load()


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


def run(folder: Path, dataset: str, backbone: str, evaluators: str, **env: str) -> str:
    """What a tiny suite says, of a run that ends well."""
    (folder / "suite.yaml").write_text(
        f"name: hf\nmatrix:\n  method: [simclr]\n  backbone: [{backbone}]\n  dataset: [{dataset}]\n"
        f"budget: {{steps: 2, batch_size: 4}}\nevaluators: {evaluators}\n"
    )
    done = warm.run(["run", "suite.yaml", "--device", "cpu", "--workers", "1"], folder, env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def metrics(folder: Path) -> dict[str, int]:
    """Of how many samples or classes each metric is, by evaluator."""
    found = [json.loads(each.read_text()) for each in folder.glob("results/*/cells/*/evaluations/*.json")]
    return {f"{each['label']} {name}": value["n"] for each in found for name, value in each["metrics"].items()}


def test_a_suite_trains_on_pictures(tmp_path: Path) -> None:
    """By name and streamed, from a cache and without a network; scored also on a folder with several labels."""
    fetched(tmp_path / "hf", "default")
    tags = several("string")
    saved(tmp_path / "saved", train=rows(0, 24, tags=tags), validation=rows(24, 12, tags=tags))
    said = run(
        tmp_path,
        f"{{use: hf_images, name: some-one/Insects, revision: {COMMIT}, size: 16, memory_gb: 0}}",
        "conv4",
        "{knn: {}, tags: {use: multilabel, data: {use: hf_images, path: saved, labels: tags}}}",
        HF_DATASETS_CACHE=str(tmp_path / "hf"),
        HF_HUB_OFFLINE="1",
    )
    assert "'validation' is the split 'test'" in said
    assert "random crops are of the whole pictures" in said
    found = metrics(tmp_path)
    assert found["knn accuracy"] == 6
    assert any(name.startswith("tags ") for name in found), found


def test_a_suite_trains_on_texts(tmp_path: Path) -> None:
    saved(tmp_path / "saved", train=rows(0, 12, **TEXT), test=rows(12, 6, **TEXT))
    run(tmp_path, "{use: hf_texts, path: saved}", "words", "{knn: {}}")
    assert metrics(tmp_path)["knn accuracy"] == 6
