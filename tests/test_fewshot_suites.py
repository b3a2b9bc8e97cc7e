"""The few-shot suites: every budget is valid, and `smoke` runs, on generated pictures where a user has their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import load_suite
from harness.plugins.registry import registry
from harness.suite.plan import Plan
from tests.conftest import Harness
from tests.pictures import few_shot_folder

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LEARNERS = {
    *(
        "protonet",
        "matching_networks",
        "relation_networks",
        "r2d2",
        "metaoptnet",
        "meta_baseline",
        "maml",
        "anil",
        "meta_sgd",
    ),
    *("meta_curvature", "reptile", "baseline", "baseline_pp"),
}
SUITES = {"fewshot": 15, "cifar_fs": 14, "mini_imagenet": 14, "cub": 20}  # cells of `smoke`


def on_generated(name: str, folder: Path) -> Path:
    """The suite with generated pictures in the place of those that are not at hand."""
    text = (BENCHMARKS / f"{name}.yaml").read_text(encoding="utf-8")
    if name == "cifar_fs":
        text = text.replace("dataset: [cifar_fs]", "dataset: [{use: image_folder, path: ../data/cifar-fs}]")
    for path in set(re.findall(r"path: \.\./data/([\w-]+)", text)):
        few_shot_folder(folder / path)
        text = text.replace(f"../data/{path}", path)
    made = folder / f"{name}.yaml"
    made.write_text(text.replace("size: 84", "size: 32"), encoding="utf-8")
    return made


@pytest.mark.parametrize("name", SUITES)
def test_every_budget_is_valid_and_all_learners_are_in_a_suite(name: str, tmp_path: Path) -> None:
    path = on_generated(name, tmp_path)
    for budget in (None, "full", "short", "smoke", *(["glyphs"] if name == "fewshot" else [])):
        cells = Plan.of(load_suite(path, registry(), budget)).cells
        if budget == "smoke":
            assert len(cells) == SUITES[name]
        methods = {cell.method.spec.name for cell in cells.values()}
        assert methods - {"untrained"} <= LEARNERS
        assert name == "cub" or methods >= LEARNERS


def test_every_method_runs_in_smoke(harness: Harness, tmp_path: Path) -> None:
    harness("run", on_generated("fewshot", tmp_path).name, "--budget", "smoke")
    table = harness("leaderboard", "results/fewshot-smoke").stdout
    assert all(name in table for name in (*LEARNERS, "FOMAML", "untrained"))


@pytest.mark.parametrize(
    ("name", "method"), [("cifar_fs", "r2d2"), ("mini_imagenet", "reptile"), ("cub", "baseline_pp")]
)
def test_smoke_runs_on_pictures(name: str, method: str, harness: Harness, tmp_path: Path) -> None:
    harness("run", on_generated(name, tmp_path).name, "--budget", "smoke", "--only", f"method={method}")
    table = harness("leaderboard", f"results/{name}-smoke").stdout
    assert method in table
    assert "5-way 5-shot" in table
