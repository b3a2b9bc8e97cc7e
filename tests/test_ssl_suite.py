"""The suite of all self-supervised methods: its rows, and a run of those that other suites do not have."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite.suite import load_suite
from tests.conftest import Harness

SUITE = Path(__file__).parent.parent / "benchmarks" / "ssl.yaml"
NOT_COMPARED = {"cactus", "contrad", "pretrained"}  # of pictures: made of others' features, or to generate, or trained


def pictures(folder: Path) -> None:
    """A suite's file beside 200 pictures for training and 100 for tests, of two colours."""
    (folder / "benchmarks").mkdir()
    (folder / "data").mkdir()
    shutil.copy(SUITE, folder / "benchmarks")
    draw = np.random.default_rng(0)
    arrays = {}
    for split, number in (("train", 200), ("test", 100)):
        labels = np.arange(number) % 2
        noise = draw.integers(0, 128, (number, 32, 32, 3))
        arrays |= {f"{split}_images": (noise + 100 * labels[:, None, None, None]).astype(np.uint8)}
        arrays |= {f"{split}_labels": labels}
    np.savez(folder / "data" / "cifar10-10000.npz", **arrays)


def test_every_self_supervised_method_of_pictures_is_a_row(tmp_path: Path) -> None:
    pictures(tmp_path)
    cells = load_suite(tmp_path / "benchmarks" / "ssl.yaml", registry(), None).cells
    families = {"contrastive", "self-distillation", "redundancy reduction", "clustering", "masked"}
    methods = [spec for spec in registry().all("method") if spec.origin.distribution.startswith("rep-harness")]
    known = {spec.name for spec in methods if spec.family in families} - NOT_COMPARED
    texts = {name for name in known if name.startswith("simcse")}
    assert {cell.method.spec.name for cell in cells} == known - texts | {"untrained", "supervised"}
    assert {(cell.budget.batch_size, cell.budget.steps) for cell in cells if cell.method.spec.name != "untrained"} == {
        (128, 400)
    }


def test_it_runs_on_pictures_of_ones_own(harness: Harness, tmp_path: Path) -> None:
    pictures(tmp_path)
    only = "method=untrained,swav,dino,mae"
    told = ("--budget", "smoke", "--only", only, "--device", "cpu", "--workers", "2", "--results", "results")
    harness("run", "benchmarks/ssl.yaml", *told)
    found = {}
    for record in Store(tmp_path / "results").records():
        assert record.training
        values = [metric["value"] for each in record.evaluations.values() for metric in each["metrics"].values()]
        assert all(map(math.isfinite, values))
        found[record.cell["method"]["name"], record.cell["backbone"]["name"]] = len(record.evaluations)
    rows = [("untrained", "conv4"), ("swav", "conv4"), ("dino", "conv4")]
    assert found == dict.fromkeys([*rows, ("untrained", "timm"), ("dino", "timm"), ("mae", "timm")], 3)


def test_the_suite_of_imagenet_runs_on_a_folder_of_pictures(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(SUITE.with_name("imagenet.yaml"), tmp_path / "benchmarks")
    draw = np.random.default_rng(0)
    for split, number in (("train", 40), ("val", 4)):
        for label in range(2):
            folder = tmp_path / "data" / "imagenet" / split / f"class{label}"
            folder.mkdir(parents=True)
            for each in range(number):
                pixels = draw.integers(0, 128, (20, 24, 3)) + 100 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{each}.png")
    for budget in (None, "full", "short", "smoke"):
        cells = load_suite(tmp_path / "benchmarks" / "imagenet.yaml", registry(), budget).cells
        assert len(cells) == 12
        assert {cell.backbone.spec.name for cell in cells} == {"resnet50" if budget in (None, "full") else "conv4"}
    only = ("--budget", "smoke", "--only", "method=vicreg,untrained", "--workers", "1", "--results", "results")
    harness("run", "benchmarks/imagenet.yaml", *only)
    scored = {
        record.cell["method"]["name"]: len(record.evaluations) for record in Store(tmp_path / "results").records()
    }
    assert scored == {"vicreg": 2, "untrained": 2}
