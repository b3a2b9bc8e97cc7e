"""Metrics that are no means of units: their intervals, and their way through a run, its tables and the gate."""

from __future__ import annotations

import csv
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from harness import Metric
from harness.base.atomic_files import read_json, write_json
from harness.reporting.leaderboard.tables import build
from harness.suite.tolerances import Gate
from tests import warm
from tests.conftest import SUITE as TOY
from tests.conftest import Harness
from tests.gate.runs import run
from tests.records import metric as recorded
from tests.records import seeds

PLUGIN = """\
from dataclasses import dataclass

import torch
from harness import Evaluator, Metric, hookimpl, option


@dataclass(frozen=True)
class Config:
    groups: int = option(24, "that the jackknife leaves out")


class Whole(Evaluator):
    def evaluate(self, trained):
        features = trained.features("test").double()
        same = (features - features.mean(0)).norm(dim=1), trained.data.split("test").labels.double()
        group = torch.arange(len(features)) % self.config.groups
        without = [torch.corrcoef(torch.stack(same)[:, group != each])[0, 1] for each in range(self.config.groups)]
        value = torch.corrcoef(torch.stack(same))[0, 1].item()
        size = features.norm(dim=1).median().item()
        return {
            "correlation": Metric.jackknife(value, torch.stack(without), "group", shown="percent"),
            "size": Metric.within(size, (size - 0.25, size + 0.5), higher_is_better=False),
        }


@hookimpl
def register_evaluators(register):
    register("whole", "whole_numbers:Whole", Config, summary="two numbers that are no means")
"""
SUITE = """\
name: whole
matrix:
  method: [classify, idle]
  backbone: [flat]
  dataset: [blobs]
  seed: [0, 1, 2]
budget: {steps: 30, batch_size: 32, lr: 0.1}
evaluators:
  whole: {}
"""


def ranks(values: torch.Tensor) -> torch.Tensor:
    return values.argsort(-1).argsort(-1).double()


def spearman(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of values (..., n) without ties."""
    return 1 - 6 * (ranks(x) - ranks(y)).square().sum(-1) / (x.shape[-1] * (x.shape[-1] ** 2 - 1))


def jackknifed(x: torch.Tensor, y: torch.Tensor) -> Metric:
    n = len(x)
    others = torch.arange(n).expand(n, n)[~torch.eye(n, dtype=torch.bool)].view(n, n - 1)
    return Metric.jackknife(spearman(x, y).item(), spearman(x[others], y[others]), "pair", shown="percent")


def test_the_jackknifes_interval_of_a_rank_correlation_covers_it() -> None:
    """As often as it says, and as wide as by Fisher's transformation with the variance of Bonett and Wright (2000)."""
    generator, n, correlation, trials = torch.Generator().manual_seed(0), 80, 0.6, 400
    truth = 6 / np.pi * np.arcsin(correlation / 2)  # of a normal distribution (Pearson, 1907)
    covered, widths, closed = 0, [], []
    for _ in range(trials):
        x, noise = torch.randn(2, n, generator=generator)
        found = jackknifed(x, correlation * x + (1 - correlation**2) ** 0.5 * noise)
        covered += abs(found.value - truth) <= found.half_width
        middle, error = np.arctanh(found.value), 1.96 * np.sqrt((1 + found.value**2 / 2) / (n - 3))
        widths.append(found.half_width)
        closed.append((np.tanh(middle + error) - np.tanh(middle - error)) / 2)
    assert 0.92 < covered / trials < 0.98
    assert np.mean(widths) == pytest.approx(np.mean(closed), rel=0.1)


def test_pseudo_values_tell_of_the_value() -> None:
    x, y = torch.randn(2, 50, generator=torch.Generator().manual_seed(1))
    metric = jackknifed(x, x + y)
    assert metric.value == pytest.approx(spearmanr(x, x + y).statistic)
    assert (metric.n, metric.estimate) == (50, "jackknife")
    assert abs(metric.units.mean() - metric.value) < metric.half_width / 4
    mean = Metric.mean(x, "image")
    same = Metric.jackknife(mean.value, (50 * x.double().mean() - x) / 49, "image")
    np.testing.assert_allclose(same.units, mean.units, atol=1e-5)  # of a mean they are its units
    assert same.half_width == pytest.approx(mean.half_width, rel=1e-4)


def test_the_half_width_of_an_interval_covers_both_ends() -> None:
    metric = Metric.within(3.0, (2.5, 4.0))
    assert (metric.half_width, metric.n, metric.units.shape) == (1.0, 0, (0,))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run of both kinds."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "whole_numbers.py").write_text(PLUGIN)
    (folder / "suite.yaml").write_text(SUITE)
    done = warm.run(["run", "suite.yaml", "--plugin", "whole_numbers.py", "--results", "out"], folder)
    assert "6 of 6 cells done" in done.stdout, done.stdout + done.stderr
    return folder / "out"


def test_records_say_how_a_metric_is_shown_and_estimated(ran: Path) -> None:
    [path, *_] = sorted((ran / "cells").glob("*/evaluations/*.json"))
    metrics = (read_json(path) or {})["metrics"]
    assert (metrics["correlation"]["shown"], metrics["correlation"]["estimate"]) == ("percent", "jackknife")
    assert (metrics["size"]["shown"], metrics["size"]["estimate"], metrics["size"]["n"]) == ("plain", "interval", 0)
    assert metrics["size"]["half_width"] == pytest.approx(0.5)
    low, high = metrics["size"]["interval"]
    assert high - low == pytest.approx(0.75)
    with np.load(path.with_suffix(".npz")) as units:
        assert (len(units["correlation"]), len(units["size"])) == (24, 0)


def test_the_leaderboard_ranks_both_and_says_what_they_are(ran: Path, quick: Harness) -> None:
    table = quick("leaderboard", ran).stdout
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert "whole correlation" in lines[0]
    assert "whole size ↓" in lines[0]
    found = list(csv.DictReader(quick("leaderboard", ran, "--format", "csv").stdout.splitlines()))
    assert {(row["metric"], row["shown"], row["estimate"], row["n"]) for row in found} == {
        ("correlation", "percent", "jackknife", "24"),
        ("size", "plain", "interval", "0"),
    }
    for column, name, factor, digits in ((1, "correlation", 100, ".1f"), (2, "size", 1, ".4g")):
        for method in ("classify", "idle"):
            mine = [row for row in found if (row["method"], row["metric"]) == (method, name)]
            assert all(row["rank_best"] and row["to_best"] for row in mine)
            mean = factor * sum(float(row["value"]) for row in mine) / 3
            shown = next(line for line in lines if method in line).split("|")[1 + column]
            assert shown.strip(" *").startswith(f"{mean:{digits}} ±")
    assert "Times 100: whole correlation." in table
    assert "by the jackknife (Tukey 1958): whole correlation over 24 groups (± " in table
    assert "the 95 % interval that its evaluator gives within one seed: whole size (± 0.5)." in table
    assert "is itself a mean" not in table
    pivot = quick("leaderboard", ran, "--pivot").stdout
    assert all(line.split("|")[2].strip() in pivot for line in lines[2:4])


def test_the_report_has_both_and_no_figure_of_pseudo_values(ran: Path, quick: Harness) -> None:
    quick("report", ran)
    page = (ran / "report.html").read_text(encoding="utf-8")
    assert "whole correlation (%)" in page
    assert "whole size (lower is better)" in page
    assert "whole correlation over groups" not in page


def changed(ran: Path, to: Path, **shift: float) -> Path:
    """A copy of the results whose metrics are so much higher."""
    shutil.copytree(ran, to)
    for path in (to / "cells").glob("*/evaluations/*.json"):
        whole = json.loads(path.read_text())
        for name, more in shift.items():
            whole["metrics"][name]["value"] += more
        write_json(path, {key: each for key, each in whole.items() if key not in ("check", "format")})
    return to


def test_the_gate_compares_both(ran: Path, quick: Harness, tmp_path: Path) -> None:
    quick("baseline", ran, "--output", "b.json")
    suite = tmp_path / "gate.yaml"
    suite.write_text(TOY + "gate: {metrics: {size: 0.5}}\n")
    gate = ("--baseline", "b.json", "--gate", suite)
    same = quick("check", ran, *gate).stdout
    assert "4 within noise" in same
    worse = changed(ran, tmp_path / "worse", correlation=-0.1, size=2.0)
    said = quick("check", worse, *gate, code=1).stdout
    assert "4 regressed" in said
    assert "-10.0 points" in said
    better = changed(ran, tmp_path / "better", correlation=0.2, size=-0.1)
    said = quick("check", better, *gate, code=1).stdout
    assert "2 suspicious, 2 within noise" in said
    assert "better by more than 10.0 points" in said


def test_another_evaluator_is_not_comparable(ran: Path, quick: Harness, tmp_path: Path) -> None:
    quick("baseline", ran, "--output", "b.json")
    other = changed(ran, tmp_path / "other")
    for path in (other / "cells").glob("*/evaluations/*.json"):
        path.with_suffix(".npz").rename(path.with_name("f" * 16 + ".npz"))
        path.rename(path.with_name("f" * 16 + ".json"))
    said = quick("check", other, "--baseline", "b.json", code=3).stdout
    assert "another evaluator" in said


def test_a_tolerance_of_whole_points_is_refused_where_the_metric_is_a_fraction(
    ran: Path, quick: Harness, tmp_path: Path
) -> None:
    quick("baseline", ran, "--output", "b.json")
    suite = tmp_path / "points.yaml"
    suite.write_text(TOY + "gate:\n  metrics:\n    correlation: 2\n")
    said = quick("check", ran, "--baseline", "b.json", "--gate", suite, code=2).stderr
    assert f"points.yaml:{TOY.count(chr(10)) + 3}: correlation is a fraction: one point is 0.01, not 2." in said


def test_a_baseline_of_before_metrics_said_so_is_read_by_their_names(quick: Harness, tmp_path: Path) -> None:
    before = run(tmp_path / "before", {"a": [0.5, 0.51, 0.5]})
    quick("baseline", before, "--output", "b.json")
    whole = read_json(tmp_path / "b.json") or {}
    for group in whole["groups"].values():
        metric = group["evaluations"]["knn"]["metrics"]["accuracy"]
        assert (metric.pop("shown"), metric.pop("step")) == ("percent", 0.001)
    write_json(tmp_path / "b.json", {key: each for key, each in whole.items() if key != "format"})
    worse = run(tmp_path / "worse", {"a": [0.4, 0.41, 0.4]})
    assert "-10.0 points" in quick("check", worse, "--baseline", "b.json", code=1).stdout


@pytest.mark.parametrize(("estimate", "half_width"), [("mean", 12.706 * 0.005 / 12**0.5 / 2**0.5), ("jackknife", 0.0)])
def test_only_a_share_of_images_is_rounded_to_one_of_them(estimate: str, half_width: float) -> None:
    """Two equal seeds: the variance of rounding to one of 200 images is that of a share alone."""
    said = recorded(0.5, unit="image", n=200, shown="percent", estimate=estimate)
    [table] = build(seeds("simclr", [said, said]))  # type: ignore[list-item]
    [score] = table.rows[0].scores
    assert score is not None
    assert score.interval.half_width == pytest.approx(half_width, rel=1e-3)


def test_a_share_of_errors_may_fall_half_the_way_to_none() -> None:
    ceiling = partial(Gate().ceiling, "error", percent=True, higher_is_better=False)
    assert [ceiling(before) for before in (0.5, 0.1, None)] == [0.1, 0.05, None]
