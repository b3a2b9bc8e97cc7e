"""The suite of all self-supervised methods: its rows, and a run of those that other suites do not have."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np

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
