"""The report's learning curves, and its picture of scores against costs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.reporting.page import render
from harness.reporting.page.cost import front
from harness.reporting.page.curves import curve, limits
from harness.reporting.page.style import look
from tests.test_report import Reader, curves, logged, small


def test_a_curve_has_the_mean_and_the_range_of_its_seeds() -> None:
    found = curve([[(1, 1.0), (2, 3.0)], [], [(1, 3.0), (2, 3.0)]])
    assert found
    assert (found.steps, found.mean, found.low, found.high, found.seeds) == ((1, 2), (2, 3), (1, 3), (3, 3), 2)
    long = curve([[(step, float(step)) for step in range(1, 6001)]])
    assert long
    assert len(long.steps) == 60
    assert long.mean[0] == pytest.approx(50.5)
    assert curve([[], []]) is None


def test_a_mean_ends_with_its_shortest_seed(tmp_path: Path) -> None:
    """Past it there are others, which the mean would jump to."""
    found = curve([[(1, 1.0), (2, 1.0), (3, 1.0)], [(1, 3.0), (2, 3.0)]])
    assert found
    assert (found.mean, found.low, found.high) == ((2, 2), (1, 1, 1), (3, 3, 1))
    records = small(["simclr"])
    for each, steps in zip(records, (40, 20), strict=True):
        lines = [json.dumps({"step": step, "loss": 2 - step / 40}) for step in range(1, steps + 1)]
        logged(tmp_path, each, "\n".join(lines))
    [figure] = curves(render(records, tmp_path))
    assert "The mean ends where the shortest seed ends" in figure
    [line] = re.findall(r'<path d="([^"]*)"[^>]*fill: none; stroke: var\(--series-0\)', figure)
    assert line.count("L ") == 19


def test_an_axis_is_cut_where_few_values_are_far_from_all_others() -> None:
    assert limits([100.0, *map(float, range(21))]) == (None, pytest.approx(21.84))  # 5 % are below 1.05, above 19.95
    assert limits([-100.0, *map(float, range(21))]) == (pytest.approx(-1.84), None)
    assert limits([38.0, *map(float, range(21))]) == (None, None)  # not further than the others are wide
    assert limits([5.0] * 100 + [6.0]) == limits([3.0]) == limits([]) == (None, None)


def test_every_logged_value_is_drawn_and_a_cut_is_said(tmp_path: Path) -> None:
    records = small(["protonet", "simclr"])
    for each in records:
        lines = [
            {"step": step, "steps": 60, "loss": 1000.0 if step == 1 else 2 - step / 60, "accuracy": step / 60}
            for step in range(1, 61)
        ]
        if each.cell["method"]["name"] == "simclr":
            lines = [line | {f"value {number}": 1.0 for number in range(20)} for line in lines]
        logged(tmp_path, each, "\n".join(map(json.dumps, lines)))
    page = render(records, tmp_path)
    found = [Reader(each).text for each in re.findall("<figure>.*?</figure>", page, re.DOTALL) if "Training" in each]
    assert len(found) == 2 + 12
    loss, accuracy = (next(each for each in found if f"protonet: {name}" in each) for name in ("loss", "accuracy"))
    assert "loss (cut: highest 1e+03)" in loss
    assert "The axis is cut (highest 1e+03)" in loss
    assert "Training accuracy of protonet: mean of 2 seeds" in accuracy
    assert "cut" not in accuracy
    assert "simclr has logged 22 values, of which 12 are drawn." in Reader(page).text


@pytest.mark.parametrize(
    ("seconds", "has_front"),
    [((10.0, 20.0), False), ((10.0, 20.0, 30.0), True), ((30.0, 20.0, 10.0), False)],  # two; three; the last is best
)
def test_two_rows_have_no_front_nor_has_a_row_that_beats_all(
    seconds: Sequence[float], has_front: bool, tmp_path: Path
) -> None:
    records = [
        replace(each, training={**(each.training or {}), "seconds": took})
        for each, took in zip(small(seeds=1), seconds, strict=False)
    ]
    page = render(records, tmp_path)
    assert "against the time of training" in page
    assert ("best for its cost" in page) == ("Dashed" in page) == has_front


def test_the_front_is_what_nothing_beats_for_its_cost() -> None:
    places = [(3.0, 0.7), (1.0, 0.5), (2.0, 0.4), (4.0, 0.7), (1.0, 0.6)]
    assert front(places, higher_is_better=True) == [(1.0, 0.6), (3.0, 0.7)]
    assert front(places, higher_is_better=False) == [(1.0, 0.5), (2.0, 0.4)]


def test_no_two_rows_look_the_same() -> None:
    assert len({(each.colour, each.marker) for each in map(look, range(56))}) == 56
