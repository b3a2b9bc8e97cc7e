"""A user's pictures in tar files, in the layout of WebDataset."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig, WebDatasetConfig
from harness_datasets.braces import files_of, names_of
from harness_datasets.image_folder import ImageFolder, WebDataset
from PIL import Image

from harness import StreamedImages, UsageError
from harness.testing import check_dataset
from tests import warm

CLASSES = ("ant", "bee")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def picture(number: int, side: tuple[int, int] = (13, 11)) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (*side, 3), dtype=np.uint8)
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "png")
    return stored.getvalue()


def shard(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def sample(number: int, **files: str) -> dict[str, bytes]:
    """A picture and, by ending, what lies beside it; "_" is a dot."""
    texts = {f"{number:06d}.{ending.replace('_', '.')}": text.encode() for ending, text in files.items()}
    return {f"{number:06d}.png": picture(number), **texts}


def shards(folder: Path, splits: Mapping[str, int], size: int = 5) -> Path:
    """Of each split so many pictures, `size` in a shard, whose class is that of their number."""
    first = 0
    for split, number in splits.items():
        for start in range(first, first + number, size):
            members = range(start, min(start + size, first + number))
            files = [sample(i, cls=CLASSES[i % 2]) for i in members]
            shard(folder / f"mine-{split}-{start // size:04d}.tar", {k: v for each in files for k, v in each.items()})
        first += number
    return folder


def load(path: Path, **options: Any) -> dict[str, Any]:
    return dict(WebDataset(WebDatasetConfig(path=path, **options), path.parent / "own").load())


def plain(samples: Any) -> torch.Tensor:
    return samples[torch.arange(len(samples))]


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
def test_pixels_are_those_of_a_folder_of_the_same_pictures(tmp_path: Path, memory_gb: float) -> None:
    """In memory, and streamed: whole pictures, and parts of them."""
    found = load(shards(tmp_path / "shards", {"train": 12, "test": 4}), size=8, memory_gb=memory_gb)
    for i in range(16):
        place = tmp_path / "pictures" / ("train" if i < 12 else "test") / CLASSES[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i:06d}.png").write_bytes(picture(i))
    config = ImageFolderConfig(path=tmp_path / "pictures", size=8, memory_gb=memory_gb)
    expected = ImageFolder(config, tmp_path / "own").load()
    assert list(found) == list(expected) == ["train", "test"]
    for name, split in expected.items():
        order = torch.argsort(found[name].labels, stable=True)  # folders are read class by class
        assert found[name].classes == split.classes == CLASSES
        assert torch.equal(found[name].labels[order], split.labels)
        assert torch.equal(plain(found[name].samples)[order], plain(split.samples))
        if memory_gb:
            continue
        assert isinstance(found[name].samples, StreamedImages)
        boxes = torch.tensor([[[1, 2, 6, 5], [0, 0, 13, 11]]]).expand(len(order), 2, 4)
        crops = found[name].samples.parts(order, boxes)
        assert torch.equal(crops, split.samples.parts(torch.arange(len(order)), boxes))


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
def test_webdataset_conforms(tmp_path: Path, memory_gb: float) -> None:
    path = shards(tmp_path / "shards", {"train": 12, "val": 6})
    check_dataset("webdataset", path=path, size=8, memory_gb=memory_gb)


def test_a_pattern_names_shards(tmp_path: Path) -> None:
    path = shards(tmp_path, {"train": 12, "val": 6})
    dataset = WebDataset(WebDatasetConfig(path=path / "mine-{train,val}-*.tar"), tmp_path / "own")
    assert {name: len(split) for name, split in dataset.load().items()} == {"train": 12, "test": 6}
    assert "'val' is the split 'test'" in dataset.notes
    assert len(files_of(tmp_path / "mine-train-{0000..0002}.tar", ".tar")) == 3
    assert names_of("a{8..10}-{x,y}") == ["a8-x", "a8-y", "a9-x", "a9-y", "a10-x", "a10-y"]
    with pytest.raises(UsageError, match=r"there is no file .*mine-train-0003\.tar"):
        files_of(tmp_path / "mine-train-{0000..0003}.tar", ".tar")
    with pytest.raises(UsageError, match="stands for more than 100,000 files"):
        names_of("{0..99999}-{0..99999}")


def test_without_splits_a_fifth_is_test_whatever_other_shards_there_are(tmp_path: Path) -> None:
    config = WebDatasetConfig(path=shards(tmp_path, {"a": 60}))
    listing = config.listing()
    assert listing.notes == ("'test' is about 20 % of each class, drawn by a hash of their names",)
    held = {each.name for each in listing.splits["test"].paths}
    assert 4 <= len(held) <= 24
    (tmp_path / "mine-a-0000.tar").unlink()
    fewer = {each.name for each in config.listing().splits["test"].paths}
    assert fewer == {name for name in held if not name.startswith("mine-a-0000.tar")}
    novel = WebDatasetConfig(path=tmp_path, novel=("bee",)).listing().splits["novel"]
    assert novel.classes == ("bee",)


@pytest.mark.parametrize(
    ("labels", "files", "classes"),
    [
        (None, {"cls": ("9", "10")}, ("9", "10")),
        (None, {"json": ('{"label": 1}', '{"label": 0}')}, ("0", "1")),
        ("json.kind", {"json": ('{"kind": "b"}', '{"kind": "a"}')}, ("a", "b")),
        ("txt", {"txt": ("b\n", "a\n"), "cls": ("1", "0")}, ("a", "b")),
        ("part.txt", {"part_txt": ("b", "a")}, ("a", "b")),
    ],
)
def test_labels_are_beside_the_pictures(
    tmp_path: Path, labels: str | None, files: dict[str, tuple[str, str]], classes: tuple[str, str]
) -> None:
    content: dict[str, bytes] = {}
    for number in range(4):
        content |= sample(number, **{ending: texts[number % 2] for ending, texts in files.items()})
    shard(tmp_path / "train.tar", content)
    split = load(tmp_path, labels=labels)["train"]
    assert split.classes == classes
    first = next(iter(files.values()))[0]
    expected = json.loads(first)[(labels or "json.label").split(".")[1]] if first.startswith("{") else first.strip()
    assert split.classes[split.labels[0]] == str(expected)


def test_lists_of_labels_become_targets(tmp_path: Path) -> None:
    labels = (["x", "y"], [], ["y"], ["x"])
    content = {k: v for i, each in enumerate(labels) for k, v in sample(i, json=json.dumps({"label": each})).items()}
    shard(tmp_path / "train-0.tar", content)
    shard(tmp_path / "test-0.tar", content)
    for split in load(tmp_path).values():
        assert split.classes == ("x", "y")
        assert not split.labelled
        assert split.column("targets").tolist() == [[1, 1], [0, 0], [0, 1], [1, 0]]


def test_content_is_the_identity_and_another_folder_is_not(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shards(tmp_path / name, {"train": 6, "test": 2})
    one, two = (WebDatasetConfig(path=tmp_path / name) for name in ("one", "two"))
    assert one.fingerprint() == two.fingerprint()
    files = {name: part for i in range(5) for name, part in sample(i, cls=CLASSES[i % 2]).items()}
    for change in ({"000001.cls": b"ant"}, {"000001.png": picture(99)}):
        before = two.fingerprint()
        shard(tmp_path / "two" / "mine-train-0000.tar", {**files, **change})
        assert two.fingerprint() != before


GOOD = {name: part for i in range(4) for name, part in sample(i, cls=CLASSES[i % 2]).items()}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {**GOOD, "000009.png": picture(9)},
            r"train\.tar: the sample 000009 has no \.cls with its label; it has \.png",
        ),
        ({**GOOD, "000001.jpg": picture(9)}, r"the sample 000001 has two pictures, \.png and \.jpg"),
        ({"000001.cls": b"1"}, r"train\.tar has no pictures \(\.png, "),
        ({**GOOD, "000001.cls": b" "}, "a label is a text or a whole number"),
        ({**GOOD, "000001.cls": b"\xff"}, r"000001\.cls cannot be read"),
        ({**GOOD, "000001.cls": b"x" * 1_000_001}, "is no label: it is a picture, or longer than 1,000,000 bytes"),
        ({**GOOD, "000001.png": b"no picture"}, r"train\.tar/000001\.png cannot be read as a picture"),
    ],
)
def test_what_is_wrong_in_a_shard_is_named(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    shard(tmp_path / "train.tar", files)
    with pytest.raises(UsageError, match=says):
        load(tmp_path)


def test_json_without_the_key_names_the_nearest(tmp_path: Path) -> None:
    shard(tmp_path / "train.tar", sample(0, json='{"lable": 1}'))
    with pytest.raises(UsageError, match=r"000000\.json has no 'label' at its top\. Did you mean 'lable'"):
        load(tmp_path)


def test_names_of_shards_that_say_no_split_or_two(tmp_path: Path) -> None:
    shards(tmp_path, {"train": 5, "test": 5})
    (tmp_path / "mine-test-0001.tar").rename(tmp_path / "mine-0001.tar")
    with pytest.raises(UsageError, match=r"mine-0001\.tar has no split in its name, as other shards of"):
        load(tmp_path)
    (tmp_path / "mine-0001.tar").rename(tmp_path / "train-test.tar")
    with pytest.raises(UsageError, match=r"train-test\.tar has two splits in its name, test and train"):
        load(tmp_path)


def test_wherever_a_shard_is_cut_off_it_is_refused(tmp_path: Path) -> None:
    """Also between two files, where tarfile sees nothing wrong; and where bytes of a header are others."""
    path = shard(tmp_path / "train.tar", GOOD)
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        [*_, third, last] = [member.offset for member in tar]
        end = tar.getmembers()[-1].offset_data + 512
    for length in (0, 100, third, last, last + 300, last + 512, end - 100, end):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=re.escape(str(path))):
            load(tmp_path)
    path.write_bytes(whole[:last] + b"\xff" * 512 + whole[last + 512 :])
    with pytest.raises(UsageError, match=f"is cut off or damaged after {last:,} bytes"):
        load(tmp_path)
    with tarfile.open(path, "w:gz") as tar:
        tar.add(__file__, "000001.txt")
    with pytest.raises(UsageError, match="cannot be read as a tar file that is not compressed"):
        load(tmp_path)


def test_a_suite_trains_on_streamed_shards(tmp_path: Path) -> None:
    shards(tmp_path / "shards", {"train": 16, "val": 8})
    (tmp_path / "suite.yaml").write_text(
        "name: shards\nmatrix:\n  method: [simclr]\n  backbone: [conv4]\n"
        "  dataset: [{use: webdataset, path: shards, size: 16, memory_gb: 0}]\n"
        "budget: {steps: 2, batch_size: 4}\nevaluators:\n  knn: {}\n"
    )
    done = warm.run(["run", "suite.yaml", "--device", "cpu", "--workers", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'val' is the split 'test'" in done.stdout + done.stderr
    assert "random crops are of the whole pictures" in done.stdout + done.stderr
    [record] = tmp_path.glob("results/*/cells/*/evaluations/*.json")
    assert json.loads(record.read_text())["metrics"]["accuracy"]["n"] == 8
