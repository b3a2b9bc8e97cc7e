"""Metrics that take as many units as they need: rows, and runs, are compared over the first units that all have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import Metric
from harness.base.atomic_files import read_json
from harness.reporting.gate.baseline import load, save
from harness.reporting.gate.snapshot import snapshot
from harness.reporting.gate.verdicts import compare
from harness.reporting.leaderboard import render
from harness.reporting.leaderboard.tables import build
from harness.running.scoring import as_plain
from harness.store.records import CellRecord
from harness.suite.tolerances import Gate
from tests.records import metric, seeds

STOPS = (200, 300, 400)


def scored(units: np.ndarray, number: int) -> dict[str, Any]:
    """What a record has of an evaluator that stopped at so many of the units."""
    stops = tuple(stop for stop in STOPS if stop <= number)
    made = Metric.mean(torch.from_numpy(units[:number]), "episode", shown="percent")
    return as_plain(Metric(**{**vars(made), "stops": stops}), "")


def rows(number: int, ends: tuple[int, int]) -> tuple[list[CellRecord], np.ndarray]:
    """Records of two methods with three seeds, whose episodes get harder after 200 for both alike; and their units."""
    draw = np.random.default_rng(number)
    hardness = np.where(np.arange(400) < 200, 0.8, 0.2)
    units = hardness + np.array([0.0, 0.1])[:, None, None] + 0.01 * draw.standard_normal((2, 3, 400))
    units = units.astype(np.float32)
    found = [
        seeds(name, [scored(each, end) for each in units[i]]) for i, name, end in zip((0, 1), "ab", ends, strict=True)
    ]
    return [record for row in found for record in row], units


def test_a_record_has_the_mean_at_each_stop() -> None:
    units = np.arange(400, dtype=np.float32)
    said = scored(units, 300)
    assert said["prefixes"] == {"200": 99.5, "300": 149.5}
    assert said["n"] == 300
    assert said["value"] == 149.5
    assert "prefixes" not in as_plain(Metric.mean(torch.from_numpy(units), "episode"), "")


def test_rows_of_unlike_numbers_of_units_are_compared_over_the_first_that_both_have() -> None:
    """Over all units, the one that stopped early would seem better: it has met the easy ones alone."""
    records, units = rows(0, ends=(200, 400))
    (table,) = build(records)
    scores = {row.label: row.scores[0] for row in table.rows}
    a, b = scores["a"], scores["b"]
    assert a is not None
    assert a.place is not None
    assert b is not None
    assert b.place is not None
    assert a.interval.mean == pytest.approx(units[0, :, :200].mean(), abs=1e-5)
    assert b.interval.mean == pytest.approx(units[1].mean(), abs=1e-5)  # what is shown is of all its units
    assert a.interval.mean > b.interval.mean
    first = units[:, :, :200].mean(2)
    assert a.place.to_best.mean == pytest.approx((first[0] - first[1]).mean(), abs=1e-5)
    assert (str(b.rank), str(a.rank)) == ("1", "2")
    assert "knn over 200 to 400 episodes, rows compared over the first 200 (±" in render(records)


def test_rows_of_the_same_number_of_units_are_compared_over_all() -> None:
    records, units = rows(0, ends=(400, 400))
    (table,) = build(records)
    (score,) = (row.scores[0] for row in table.rows if row.label == "a")
    assert score is not None
    assert score.place is not None
    assert score.place.to_best.mean == pytest.approx((units[0] - units[1]).mean(), abs=1e-5)
    assert "compared over" not in render(records)


def test_a_gate_compares_runs_over_the_first_units_that_both_have(tmp_path: Path) -> None:
    """Before, seeds stopped at 400; after, at 200, which are easy: no change. And by way of a baseline's file."""
    before, after = (_for_a_gate(rows(0, (end, end))[0]) for end in (400, 200))
    save(tmp_path / "baseline.json", snapshot(before, "before"))
    for was in (snapshot(before, "before"), load(tmp_path / "baseline.json")):
        found = compare(was, snapshot(after, "after"), Gate(), everything=True)
        assert [row.verdict for row in found] == ["within noise"] * 2
        assert [row.change for row in found] == [0.0] * 2


def test_a_baseline_of_other_metrics_says_nothing_of_first_units(tmp_path: Path) -> None:
    save(tmp_path / "baseline.json", snapshot(_for_a_gate(seeds("a", [metric(0.5), metric(0.6)])), "a"))
    assert "prefixes" not in str(read_json(tmp_path / "baseline.json"))


def _for_a_gate(records: list[CellRecord]) -> list[CellRecord]:
    """With what decides a result, which a gate reads."""
    for record in records:
        described = [record.cell[axis] for axis in ("method", "backbone", "dataset")]
        for each in (*described, *(evaluation["evaluator"] for evaluation in record.evaluations.values())):
            each["decides"] = sorted(each["options"])
    return records
