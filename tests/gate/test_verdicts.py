"""Verdicts as a function: they depend on scores alone, and a quick version of perf/gate_simulation.py."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reporting.gate.snapshot import snapshot
from harness.reporting.gate.verdicts import compare
from harness.store.records import CellRecord
from harness.suite.tolerances import Gate
from tests.gate.runs import BUDGET, component, metric

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "perf"))
from gate_simulation import Setting, simulate  # perf is no package


def records(scores: Sequence[Sequence[float]]) -> list[CellRecord]:
    """A method for each row, with a seed for each column."""
    found = []
    for number, row in enumerate(scores):
        for seed, value in enumerate(row):
            axes = {"method": component(f"m{number}"), "backbone": component("b"), "dataset": component("d")}
            cell = {"suite": "s", "seed": seed, "budget": {}, "suite_budget": BUDGET, **axes}
            said = {"label": "knn", "evaluator": component("knn"), "metrics": {"accuracy": metric(value)}}
            found.append(CellRecord(f"{number}-{seed}", cell, None, {"e": said}, None))
    return found


SCORES = st.integers(1, 5).flatmap(
    lambda seeds: st.lists(
        st.lists(st.integers(0, 1000).map(lambda each: each / 1000), min_size=seeds, max_size=seeds),
        min_size=1,
        max_size=6,
    )
)


@given(SCORES, st.data())
@settings(deadline=None)  # the first call imports scipy
def test_the_order_of_records_is_no_matter(scores: list[list[float]], data: st.DataObject) -> None:
    shape = st.lists(
        st.lists(st.integers(0, 1000).map(lambda each: each / 1000), min_size=len(scores[0]), max_size=len(scores[0])),
        min_size=len(scores),
        max_size=len(scores),
    )
    before, after = records(scores), records(data.draw(shape))
    rows = compare(snapshot(before, ""), snapshot(after, ""), Gate())
    draw = random.Random(0)
    draw.shuffle(before)
    draw.shuffle(after)
    assert compare(snapshot(before, ""), snapshot(after, ""), Gate()) == rows


@given(SCORES)
@settings(deadline=None)
def test_a_run_compared_with_itself_is_within_noise(scores: list[list[float]]) -> None:
    same = snapshot(records(scores), "")
    assert {row.verdict for row in compare(same, same, Gate())} == {"within noise"}


@pytest.mark.parametrize(
    "setting",
    [
        Setting(40, 3),
        Setting(40, 5),
        Setting(
            40, 3, images=200
        ),  # of a grid as coarse as this a gate without `grid` cries wolf in a quarter of suites
        Setting(40, 5, deviations="1 or 4"),
        Setting(40, 5, 0.0, paired=False),
    ],
    ids=str,
)
def test_false_alarms_are_as_rare_as_stated(setting: Setting) -> None:
    # of 120 suites at 5 %, 13 or more have a probability below .01; the seed is fixed
    outcome = simulate(setting, 120, drops=(), rises=())
    assert outcome.false_alarms * 120 <= 12
    assert outcome.false_suspicions == 0


def test_what_must_be_found_is() -> None:
    outcome = simulate(Setting(10, 5), 60, drops=(5,), rises=(9, 15), changing=60)
    assert outcome.found[5] > 0.9
    assert outcome.suspected[15] > 0.9
    assert outcome.suspected[9] < 0.3
