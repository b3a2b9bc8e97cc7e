"""Pictures that are read from files as they are needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig, image_folder
from harness_datasets.decoding import read_picture
from harness_datasets.image_folder import ImageFolder
from PIL import Image

from harness import Streamed, UsageError
from harness.base.checkpoint_interval import Interval
from harness.plugins.registry import registry
from harness.running.cell_job import CellJob
from harness.running.prepare import prepare
from harness.running.run_cell import run_cell
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile
from harness.suite.suite import load_suite
from tests.image_folders import load, paint


@pytest.mark.parametrize("colour", [True, False])
def test_streamed_pictures_are_those_in_memory(noise: Path, tmp_path: Path, colour: bool) -> None:
    if not colour:
        for file in noise.rglob("*.*"):
            with Image.open(file) as picture:
                grey = picture.convert("L").convert("RGB" if file.name.startswith("1") else "L")
            grey.save(file)
    memory, streamed = (
        ImageFolder(ImageFolderConfig(path=noise, size=12, memory_gb=gb), tmp_path / "cache") for gb in (4.0, 0.0)
    )
    expected, got = memory.load(), streamed.load()
    assert list(got) == ["train", "test"]
    assert streamed.augmentation == memory.augmentation
    for name, split in got.items():
        assert isinstance(split.samples, Streamed)
        assert split.samples.shape[1:] == expected[name].samples.shape[1:] == (3 if colour else 1, 12, 12)
        assert split.classes == expected[name].classes
        assert torch.equal(split.labels, expected[name].labels)
        assert torch.equal(split.samples[torch.arange(len(split))], expected[name].samples)


def test_streaming_reads_no_more_than_it_must_and_caches_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(
        image_folder, "read_picture", lambda file, *rest: (read.append(file), read_picture(file, *rest))[1]
    )
    splits = load(pictures, tmp_path / "cache", size=8, memory_gb=11 * 3 * 64 / 1e9)
    assert isinstance(splits["train"].samples, torch.Tensor)  # it just fits
    read.clear()
    splits = load(pictures, tmp_path / "other", size=8, memory_gb=10 * 3 * 64 / 1e9)
    assert isinstance(splits["train"].samples, Streamed)
    assert len(read) == 1  # the first picture has colour
    assert not (tmp_path / "other").exists()


def test_a_picture_that_cannot_be_streamed_is_named(pictures: Path, tmp_path: Path) -> None:
    images = load(pictures, tmp_path, memory_gb=0.0)["train"].samples
    (pictures / "train/red/0.png").write_text("no picture at all")
    (pictures / "train/red/1.jpg").unlink()
    for place, name in ((2, r"train/red/0\.png"), (3, r"train/red/1\.jpg")):
        with pytest.raises(UsageError, match=f"{name} cannot be read as a picture"):
            images[torch.tensor([place])]
    assert images[torch.tensor([0, 1])].shape == (2, 3, 10, 10)


def test_memory_changes_the_identity_where_the_files_hold_more_than_squares(noise: Path) -> None:
    """Nothing is looked at for it unless the set may be too large."""

    def fingerprint(**options: Any) -> str:
        return ImageFolderConfig(path=noise, **options).fingerprint()

    memory = fingerprint(size=16)
    assert fingerprint(size=8) == fingerprint() == memory
    assert fingerprint(size=16, memory_gb=0.0) == fingerprint(memory_gb=0.0) == memory.replace("3-", "3-whole-")
    assert fingerprint(memory_gb=44 * 3 * 84**2 / 1e9) == memory
    for number, file in enumerate(noise.rglob("*.*")):
        paint(file, number, (16, 16), "L")
    assert fingerprint(size=16, memory_gb=0.0) == fingerprint(size=16)
    assert fingerprint(size=8, memory_gb=0.0) == fingerprint(size=8).replace("3-", "3-whole-")


def test_memory_changes_neither_the_cell_nor_the_result_of_squares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, noise = np.random.default_rng(0), tmp_path / "noise"
    for split in ("train", "test"):
        for number in range(12):
            file = noise / split / "ab"[number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file)
    suite = """\
name: toy
matrix:
  method: [supervised]
  backbone: [conv4]
  dataset: [{use: image_folder, path: PATH, size: 16, memory_gb: GB}]
budget: {steps: 5, batch_size: 8}
evaluators:
  knn: {k: 3}
"""
    found = []
    for gb in ("4", "0"):
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / f"cache {gb}"))
        (tmp_path / "suite.yaml").write_text(suite.replace("PATH", str(noise)).replace("GB", gb))
        plan = Plan.of(load_suite(tmp_path / "suite.yaml", registry()))
        store = Store(tmp_path / gb)
        path = store.write_plan(plan)
        prepare(path)
        assert json.loads(store.findings(path).read_text())["errors"] == []
        (id_,) = plan.cells
        planned = PlanFile(path, registry())
        folder = store.cell(id_)
        done = run_cell(CellJob(planned, planned.cell(id_), folder, torch.device("cpu"), threads=1, every=Interval()))
        assert done.status == "ok"
        scores = [json.loads(file.read_text())["metrics"] for file in store.cell(id_).folder.glob("evaluations/*.json")]
        found.append((id_, scores, store.cell(id_).steps.read_text()))
        assert len(list((tmp_path / f"cache {gb}").rglob("*.npz"))) == (gb == "4")
    assert found[0] == found[1]


def test_large_photographs_keep_their_look(tmp_path: Path) -> None:
    """A JPEG that is decoded at a quarter of its size is about what averaging all of it gives."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    large = coarse.resize((700, 500), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    expected = np.asarray(large.crop((100, 0, 600, 500)).resize((50, 50), Image.Resampling.BOX)).astype(int)
    assert np.abs(read_picture(tmp_path / "large.jpg", 50) - expected).mean() < 2
