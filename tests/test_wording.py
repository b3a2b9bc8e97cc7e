"""Numbers in output agree with the words after them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.base.wording import quantity
from harness.reporting.leaderboard.grids import costs
from harness.reporting.leaderboard.notes import notes
from harness.reporting.leaderboard.tables import build
from tests.conftest import SUITE, Harness
from tests.records import evaluation, metric, record


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("cell",), "0 cells"),
        (1, ("cell",), "1 cell"),
        (1200, ("cell",), "1,200 cells"),
        (1, ("cell waits", "cells wait"), "1 cell waits"),
        (2, ("cell waits", "cells wait"), "2 cells wait"),
    ],
)
def test_a_number_and_what_follows_it(number: int, words: tuple[str, ...], said: str) -> None:
    assert quantity(number, *words) == said


def test_commands_on_one_cell_say_cell(harness: Harness, suite: Callable[..., Path]) -> None:
    text = SUITE.replace("[classify, idle]", "[idle]").replace("[0, 1]", "[0]")
    path = suite(text)
    said = harness("run", path).stdout
    said += "".join(
        harness(*command).stdout
        for command in (
            ("plan", path),
            ("compact", "results/toy"),
            ("baseline", "results/toy", "--output", "baseline.json"),
        )
    )
    for each in ("toy: 1 cell, 0 already done", "1 of 1 cell done", "1 cell: 1 done", "1 cell copied; 1 of 1"):
        assert each in said
    assert "baseline.json: 1 cell in 1 group of seeds.\nWith 1 seed the gate" in said
    other = harness("run", suite(text.replace("seed: [0]", "seed: [1]"))).stdout
    assert "1 more cell in results/toy, of other suites" in other


def test_notes_and_costs_on_one_thing_are_in_the_singular() -> None:
    score = {"knn": evaluation("knn", {"accuracy": metric(0.5, n=1)}) | {"shared_with_train": {"test": 1}}}
    first = record("a", 0, evaluations=score, suite="s", budget={"steps": 1}, suite_budget={"steps": 1})
    again = record("a", 0, evaluations=score, suite="t", budget={"steps": 1}, suite_budget={"steps": 1})
    [table] = build([first, again])
    said = " ".join(notes(table))
    assert "Of the split 'test', 1 sample is also in 'train'" in said
    assert "1 earlier record of the same method and seed is left out." in said
    assert "knn over 1 episode (" in said
    assert costs(table).rows[0][1].text == "1 step"
