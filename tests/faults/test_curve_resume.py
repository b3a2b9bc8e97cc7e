"""A training whose encoder is scored on the way equals one without that, bit for bit; killed and gone on with, it has
each point once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.store.points import read_points
from tests.faults.bench import outcome
from tests.faults.test_resume import SMALL, by_method, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")

METHODS = ("simclr", "maml")
MEDDLER = '''
import random
from dataclasses import dataclass

import numpy as np
import torch

from harness import Evaluator, Metric, hookimpl


@dataclass(frozen=True)
class Config:
    """No options, and a class of its own."""


@hookimpl
def register_evaluators(register):
    register("meddler", f"{__name__}:Meddler", Config)


class Meddler(Evaluator):
    """Changes all that a training rests on, while that is under way."""

    def evaluate(self, trained):
        return {"accuracy": Metric.mean(torch.ones(8), "sample")}

    def evaluate_share(self, trained, share):
        torch.manual_seed(7), np.random.seed(7), random.seed(7)
        method = trained.method.train()
        inputs = trained.data.inputs(trained.data.train.samples[:16])
        method.backbone(inputs).sum().backward()  # batch norms move
        with torch.no_grad():
            for tensor in (*method.parameters(), *method.buffers()):
                tensor.zero_()
        method.requires_grad_(False)
        return self.evaluate(trained)
'''


def suite(folder: Path, *, curve: bool) -> list[str]:
    """What runs it. Its evaluators score on the training's data and on others, from features and by adaptation."""
    few = {"use": "fewshot", "ways": 3, "shots": 1, "queries": 2, "episodes": 6}
    evaluators: dict[str, dict[str, Any]] = {
        "knn": {"k": 5},
        "fewshot": {**few, "split": "test"},
        "elsewhere": {**few, "split": "test", "data": "blobs"},
        "meddler": {"data": "blobs"},  # scores last, so that it spoils no other point
    }
    curves = {"knn": 4, "fewshot": {"points": 3, "share": 0.5}, "elsewhere": {"points": 1, "share": 1.0}, "meddler": 5}
    document = {
        "name": "along",
        "matrix": {
            "method": [{"use": name, **SMALL.get(name, {})} for name in METHODS],
            "backbone": [{"use": "conv4", "width": 8}],
            "dataset": ["digits"],
        },
        "budget": {"steps": 12, "batch_size": 16},
        "evaluators": {
            name: {**options, **({"curve": curves[name]} if curve else {})} for name, options in evaluators.items()
        },
    }
    path = folder / ("curve.yaml" if curve else "plain.yaml")
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (folder / "meddler.py").write_text(MEDDLER)
    return ["run", str(path), "--device", "cpu", "--workers", "2", "--plugin", "meddler.py"]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Path]]:
    """The cells, by method, of a run without points, of one with, and of one with whose cells were killed twice."""
    folder = tmp_path_factory.mktemp("along")
    kills = folder / "kills"
    kills.mkdir()
    plain, curve = suite(folder, curve=False), suite(folder, curve=True)
    stormy = [*curve, "--results", "stormy", "--checkpoint-every", "2steps"]
    assert run([*plain, "--results", "plain"], folder, {}) == 0
    assert run([*curve, "--results", "curve"], folder, {}) == 0
    assert [run(stormy, folder, {"HARNESS_WITNESS_KILLS": str(kills)}) for _ in range(3)] == [1, 1, 0]
    assert len(list(kills.iterdir())) == 2 * len(METHODS)
    return [by_method(folder / name) for name in ("plain", "curve", "stormy")]


@pytest.mark.parametrize("method", METHODS)
def test_a_training_with_points_equals_one_without(method: str, three: list[dict[str, Path]]) -> None:
    plain, curve, stormy = (cells[method] for cells in three)
    assert plain.name == curve.name == stormy.name  # the id
    assert outcome(plain) == outcome(curve) == outcome(stormy)
    assert not (plain / "curve.jsonl").exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_training_has_each_point_once(method: str, three: list[dict[str, Path]]) -> None:
    _, calm, stormy = (read_points(cells[method] / "curve.jsonl") for cells in three)
    assert sorted(point["step"] for point in calm) == sorted([3, 6, 9, 12, 4, 8, 12, 12, 2, 4, 7, 9, 12])
    assert [worth(point) for point in stormy] == [worth(point) for point in calm]
    assert len((three[2][method] / "curve.jsonl").read_text().splitlines()) == len(stormy)
    assert not any("error" in point for point in calm)


def worth(point: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in point.items() if not key.endswith("seconds")}


@pytest.mark.parametrize("method", METHODS)
def test_a_point_at_the_end_on_everything_is_the_score(method: str, three: list[dict[str, Path]]) -> None:
    cell = three[1][method]
    ends = [point for point in read_points(cell / "curve.jsonl") if point["step"] == 12]
    scores = outcome(cell)["evaluations"]
    on_all = next(point for point in ends if point["share"] == 1)
    assert on_all["metrics"] == scores[on_all["evaluator"]]
    few = next(point for point in ends if point["share"] == 0.5)
    assert (few["metrics"]["accuracy"]["n"], scores[few["evaluator"]]["accuracy"]["n"]) == (3, 6)
