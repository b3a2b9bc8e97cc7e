"""How long the rest of a run takes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.plugins.registry import registry
from harness.running import progress
from harness.running.display import summary
from harness.running.estimate import Estimate, Group, Running, estimate
from harness.running.progress import Progress
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests.conftest import SUITE, Harness

Write = Callable[[str], Path]
SLOW, FAST = Group("slow", ("small",)), Group("fast", ("small",))
SLOW_ON_LARGE = Group("slow", ("large",))


def test_each_group_is_judged_by_its_own_cells() -> None:
    assert estimate({SLOW: 3, FAST: 10}, [], {SLOW: 100.0, FAST: 5.0}, 1) == Estimate(350.0, False)
    assert estimate({SLOW: 3, FAST: 10}, [], {SLOW: 100.0, FAST: 5.0}, 2) == Estimate(175.0, False)


def test_what_is_not_known_is_not_guessed_from_another_method() -> None:
    assert estimate({SLOW: 3, FAST: 10}, [], {FAST: 5.0}, 1) == Estimate(50.0, True)
    assert estimate({SLOW: 3}, [Running(SLOW, 20.0)], {FAST: 5.0}, 1) is None
    assert estimate({SLOW: 3}, [], {}, 1) is None


def test_the_same_method_elsewhere_is_the_next_best() -> None:
    assert estimate({SLOW_ON_LARGE: 2}, [], {SLOW: 100.0, FAST: 5.0}, 1) == Estimate(200.0, False)
    assert estimate({SLOW_ON_LARGE: 2}, [], {SLOW: 100.0, SLOW_ON_LARGE: 300.0}, 1) == Estimate(600.0, False)
    trains = Running(SLOW_ON_LARGE, 50.0, 150.0)
    assert estimate({SLOW_ON_LARGE: 2}, [trains], {SLOW: 100.0}, 1) == Estimate(2 * 200.0 + 150.0, True)


def test_a_running_cell_has_its_training_left_or_what_others_took() -> None:
    assert estimate({}, [Running(SLOW, 60.0)], {SLOW: 100.0}, 1) == Estimate(40.0, False)
    assert estimate({}, [Running(SLOW, 60.0, 70.0)], {SLOW: 100.0}, 1) == Estimate(70.0, False)
    assert estimate({}, [Running(SLOW, 160.0)], {SLOW: 100.0}, 1) == Estimate(0.0, False)
    assert estimate({SLOW: 1}, [Running(SLOW, 10.0, 30.0), Running(SLOW, 10.0)], {}, 1) == Estimate(100.0, True)


def test_a_run_takes_no_less_than_its_longest_cell() -> None:
    assert estimate({SLOW: 1, FAST: 3}, [], {SLOW: 100.0, FAST: 5.0}, 8) == Estimate(100.0, False)
    assert estimate({}, [], {SLOW: 100.0}, 8) is None


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_a_run_counts_what_waits_runs_and_has_ended(suite: Write, monkeypatch: Any, tmp_path: Path) -> None:
    """As going through all cells would."""
    text = SUITE.replace("[0, 1]", str(list(range(20)))).replace("idle", "idle, fail")
    plan = Plan.of(load_suite(suite(text), registry()))
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    run = Progress(plan, Store(tmp_path), list(plan.cells))
    group = {id_: Group(cell.method.label, ()) for id_, cell in plan.cells.items()}
    draw = random.Random(0)
    assert run.remaining() is None
    well: list[str] = []
    said: set[bool] = set()
    for id_ in draw.sample(list(plan.cells), len(plan.cells)):
        clock.now += draw.uniform(0, 3)
        if draw.random() < 0.1:
            run.begin(id_)
            run.back(id_)
            run.end_elsewhere(id_)
        else:
            run.begin(id_)
            run.begin(id_)
        if len(run.begun) > 3:
            ended = draw.choice(list(run.begun))
            run.end(ended, well=group[ended].method != "fail")
            well += [ended] if group[ended].method != "fail" else []
        took = {each: [run.took[id_] for id_ in well if group[id_] == each] for each in group.values()}
        known = {each: sum(seconds) / len(seconds) for each, seconds in took.items() if seconds}
        waiting = Counter(group[id_] for id_ in plan.cells if id_ not in run.took and id_ not in run.begun)
        running = [Running(group[id_], clock.now - begun) for id_, begun in run.begun.items()]
        found, expected = run.remaining(), estimate(waiting, running, known, run.workers)
        assert (found is None) == (expected is None)
        if found and expected:
            assert found.seconds == pytest.approx(expected.seconds)
            assert found.at_least == expected.at_least
            said.add("at least" in summary(run))
    assert said == {True, False}  # while a cell is left of the method that fails, of which nothing is known, and after


def test_the_rate_of_a_training_is_of_its_steps_and_not_of_its_start(
    suite: Write, monkeypatch: Any, tmp_path: Path
) -> None:
    plan = Plan.of(load_suite(suite(SUITE), registry()))
    clock, store = Clock(), Store(tmp_path / "results")
    monkeypatch.setattr(progress, "time", clock)
    run = Progress(plan, store, list(plan.cells))
    first, _ = (id_ for id_, cell in plan.cells.items() if cell.method.label == "classify")
    run.begin(first)
    steps = store.cell(first).steps
    steps.parent.mkdir(parents=True)
    for seconds, step in ((1000, 10), (20, 20)):  # it took long to begin
        clock.now += seconds
        steps.write_text(f'{{"step": {step}, "steps": 110, "loss": 1.0}}\n')
        found = run.remaining()
    assert found == Estimate(pytest.approx(180 + (1020 + 180)), True)
    assert summary(run) == "0 of 4 cells ended, 1 running, at least 23 min 0 s left"
    clock.now += 30  # no step is logged meanwhile: what is left is 30 seconds less, and not more
    assert run.remaining() == Estimate(pytest.approx(150 + 1200), True)


def test_earlier_cells_of_the_folder_tell_how_long_others_take(harness: Harness, suite: Write, tmp_path: Path) -> None:
    harness("run", suite(SUITE))
    plan = Plan.of(load_suite(suite(SUITE.replace("[0, 1]", "[0, 1, 2]")), registry()))
    store = Store(tmp_path / "results" / "toy")
    left = [id_ for id_, status in store.statuses(plan).items() if status != "done"]
    took = [
        sum(stage["seconds"] for stage in (record.training, *record.evaluations.values()) if stage)
        for record in store.records()
    ]
    found = Progress(plan, store, left).remaining()
    assert found == Estimate(pytest.approx(sum(took) / 2), False)  # two methods with two seeds each; one seed is left
