"""`curve` of an evaluator: what is read of it, what a share is, and what is said of cells that lack points."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import Split, load_suite
from harness.learning.data.splits import LEAST
from harness.learning.data.streaming import Streamed
from harness.plugins.registry import registry
from harness.reporting.page import render
from harness.store.lines import keep_steps
from harness.store.points import read_points
from harness.store.results_folder import Store
from harness.suite.curve import Curve
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile
from tests.conftest import SUITE, Harness
from tests.records import evaluation, metric, record
from tests.test_run import Write

CURVE = SUITE.replace("nearest: {}", "nearest: {curve: {points: 3, share: 0.5}}").replace("[0, 1]", "[0]")


@pytest.mark.parametrize(("points", "steps", "at"), [(1, 7, [7]), (3, 3, [1, 2, 3]), (3, 10, [3, 6, 10])])
def test_points_are_evenly_spaced_and_end_with_the_training(points: int, steps: int, at: list[int]) -> None:
    assert Curve(points=points).steps(steps) == at


def test_it_decides_no_id_and_a_plan_keeps_it(suite: Write, tmp_path: Path) -> None:
    plain, whole = (
        Plan.of(load_suite(suite(text))) for text in (CURVE.replace("{curve: {points: 3, share: 0.5}}", "{}"), CURVE)
    )
    assert plain.cells.keys() == whole.cells.keys()
    (evaluator,) = whole.evaluators
    assert list(plain.evaluators) == [evaluator]
    store = Store(tmp_path / "results")
    assert PlanFile(store.write_plan(whole), registry()).plan().curves == {evaluator: Curve(points=3, share=0.5)}
    assert PlanFile(store.write_plan(plain), registry()).curves == {}


def test_a_number_is_that_of_points_and_nothing_is_none(suite: Write) -> None:
    assert load_suite(suite(SUITE.replace("nearest: {}", "nearest: {curve: 4}"))).curves == {"nearest": Curve(points=4)}
    assert load_suite(suite(SUITE.replace("nearest: {}", "nearest: {curve: }"))).curves == {}


def test_points_are_made_in_training_alone_and_cells_without_are_named(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    def run(text: str, *more: str) -> str:
        return " ".join(harness("run", suite(text), "--results", "results", *more).stdout.split())

    def points() -> list[tuple[int, float]]:
        (path,) = tmp_path.glob("results/cells/*/curve.jsonl")
        return [(point["step"], point["share"]) for point in read_points(path)]

    assert "curve:" not in run(SUITE.replace("[0, 1]", "[0]"))
    assert not list(tmp_path.glob("results/cells/*/curve.jsonl"))
    assert "curve: 1 cell was trained without these points of 'nearest'" in run(CURVE)
    assert "curve:" not in run(CURVE, "--fresh")
    assert points() == [(10, 0.5), (20, 0.5), (30, 0.5)]
    assert "the cells that it scores have nothing to train" in run(CURVE, "--only", "method=idle")


FRAGILE = '''
from dataclasses import dataclass

from harness import Evaluator, Metric, hookimpl


@dataclass(frozen=True)
class Config:
    """No options, and a class of its own."""


@hookimpl
def register_evaluators(register):
    register("fragile", f"{__name__}:Fragile", Config)


class Fragile(Evaluator):
    def evaluate(self, trained):
        if len(trained.data.train) < 100:
            raise RuntimeError("too few samples for me")
        return {"accuracy": Metric.mean(trained.features("test")[:, 0], "sample")}
'''


def test_a_point_that_fails_says_why_and_costs_nothing_else(harness: Harness, suite: Write, tmp_path: Path) -> None:
    (tmp_path / "fragile.py").write_text(FRAGILE)
    text = CURVE.replace("[classify, idle]", "[classify]") + "  fragile: {curve: {points: 2, share: 0.5}}\n"
    said = harness("run", suite(text), "--results", "results", "--plugin", "fragile.py").stdout
    assert "1 of 1 cell done" in said
    assert (
        "2 points of 'fragile' could not be scored. The first: RuntimeError: too few samples for me (classify" in said
    )
    (path,) = tmp_path.glob("results/cells/*/curve.jsonl")
    points = read_points(path)
    assert [("error" in point, point["step"]) for point in points] == [
        (False, 10),
        (True, 15),
        (False, 20),
        (False, 30),
        (True, 30),
    ]
    assert all("too few samples for me" in point["error"] for point in points if "error" in point)
    (log,) = tmp_path.glob("results/cells/*/attempts/*.log")
    assert "too few samples for me" in log.read_text()


def rows(labels: torch.Tensor) -> list[Split]:
    """The same table in memory, read from files, and of texts."""
    numbers, classes = torch.arange(len(labels)), ("a", "b")
    values = numbers.numpy().astype(np.uint8)
    streamed = Streamed(lambda number: values[number : number + 1], (len(labels), 1))
    samples = (numbers[:, None].to(torch.uint8), streamed, [str(number) for number in range(len(labels))])
    return [Split(each, labels, classes, {"number": numbers}) for each in samples]


def test_a_share_has_as_much_of_each_class_and_the_rows_belong_together() -> None:
    labels = torch.tensor([0] * 100 + [1] * 15)
    tensor, streamed, texts = (split.share(0.3) for split in rows(labels))
    numbers = tensor.column("number")
    assert torch.bincount(tensor.labels).tolist() == [30, LEAST]
    assert (numbers.diff() > 0).all()
    assert torch.equal(tensor.labels, labels[numbers])
    assert torch.equal(tensor.samples[:, 0].long(), numbers)  # type: ignore[index,union-attr,call-overload]
    assert torch.equal(streamed.samples[torch.arange(40)][:, 0].long(), numbers)  # type: ignore[index,union-attr,call-overload]
    assert texts.samples == [str(number) for number in numbers.tolist()]
    assert len(Split(tensor.samples).share(0.5)) == 20  # without labels


def test_a_file_of_points_is_cut_and_what_is_torn_or_no_point_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    point = {"step": 1, "evaluator": "e", "points": 2, "share": 1.0, "samples": 8, "seconds": 0.1, "scoring_seconds": 1}
    lines = [point, {**point, "step": 2, "metrics": {"accuracy": {"value": 0.5}}}, {**point, "step": 3}]
    bad = ['{"step": 1}', '{"step": "x"}', json.dumps({**point, "metrics": {"accuracy": 3}}), "[]", "\x00"]
    path.write_text("\n".join([*map(json.dumps, lines), *bad]) + '\n{"step": 2, "eval')
    assert [each["step"] for each in read_points(path)] == [1, 2, 3]
    keep_steps(path, 2)
    assert [each["step"] for each in read_points(path)] == [1, 2]
    assert read_points(tmp_path / "none") == []


def test_the_page_draws_means_and_ranges_against_samples_seconds_and_counts(tmp_path: Path) -> None:
    scored = {"e": evaluation("knn", {"accuracy": metric(0.9, n=450, unit="sample")})}
    records = [record(method, seed, evaluations=scored) for method in ("simclr", "moco", "idle") for seed in (0, 1)]
    for each in records[:4]:
        (tmp_path / "cells" / each.id).mkdir(parents=True)
        lines = [
            {
                "step": step, "evaluator": "e", "points": 2, "share": 0.2, "samples": step * 10, "seconds": step / 10,
                **({"counted": {"environment steps": 7000 * step}} if each.cell["method"]["name"] == "simclr" else {}),
                "metrics": {"accuracy": metric(0.1 * step + each.cell["seed"] / 10, n=90, unit="sample")},
            }
            for step in (2, 4)
        ]  # fmt: skip
        (tmp_path / "cells" / each.id / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = render(records, tmp_path)
    pictures = [each for each in re.findall("<figure>.*?</figure>", page, re.DOTALL) if "while training" in each]
    assert ["samples seen" in each for each in pictures] == [True, False, False]
    assert ["training (s)" in each for each in pictures] == [False, True, False]
    *of_all, counted = pictures
    assert "knn while training, by environment steps" in counted
    assert "20,000" in counted
    assert ">simclr<" in counted
    assert ">moco<" not in counted  # which counts no such thing
    for picture in of_all:
        assert "each point on a share of 0.2 (90 samples); means of 2 seeds" in picture
        assert "on all 450 samples" in picture
        assert ">simclr<" in picture
        assert ">moco<" in picture
        assert ">idle<" not in picture
    assert "Scores while training" not in render(records[4:], tmp_path)
