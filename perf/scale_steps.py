"""The steps that perf/scale.py times, each in a process of its own: scale_steps.py STEP SUITE RESULTS."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from counted import Timer
from synthetic import planned

from harness.plugins.registry import registry
from harness.store import lease
from harness.store.damage import repair
from harness.store.results_folder import Store
from harness.suite.planfile import PlanFile

LEASES = 2000


def read_suite(suite: Path, _: Path) -> Timer:
    with Timer() as timer:
        planned(suite)
    return timer


def write_plan(suite: Path, results: Path) -> Timer:
    plan = planned(suite)
    shutil.rmtree(results / "plans", ignore_errors=True)
    with Timer() as timer:
        Store(results).write_plan(plan)
    return timer


def read_plan(_: Path, results: Path) -> Timer:
    path = next((results / "plans").glob("*.jsonl"))
    with Timer() as timer:
        PlanFile(path, registry()).plan()
    return timer


def read_one_cell(suite: Path, results: Path) -> Timer:
    last = list(planned(suite).cells)[-1]
    path = next((results / "plans").glob("*.jsonl"))
    with Timer() as timer:
        plan = PlanFile(path, registry())
        plan.evaluators_of(plan.cell(last))
    return timer


def statuses_todo(suite: Path, results: Path) -> Timer:
    plan = planned(suite)
    with Timer() as timer:
        found = Store(results / "none").statuses(plan)
    assert set(found.values()) == {"todo"}
    return timer


def statuses_done(suite: Path, results: Path) -> Timer:
    plan = planned(suite)
    with Timer() as timer:
        found = Store(results).statuses(plan)
    assert set(found.values()) == {"done"}
    return timer


def look_for_damage(suite: Path, results: Path) -> Timer:
    plan, store = planned(suite), Store(results)
    with Timer() as timer:
        store.sweep()
        assert not list(repair(store, plan))
    return timer


def bring_up_to_date(suite: Path, results: Path) -> Timer:
    plan, store = planned(suite), Store(results)
    with Timer() as timer:
        store.bring_up_to_date(plan)
    return timer


def read_records(_: Path, results: Path) -> Timer:
    with Timer() as timer:
        records = Store(results).records()
    assert records
    return timer


def lease_all(results: Path, *, release: bool) -> Timer:
    """Tries to claim all of some cells, as another process may do at the same time: how many it got."""
    store, timer, order = Store(results), Timer(), list(range(LEASES))
    random.Random(os.getpid()).shuffle(order)  # in the same order, whoever is a little ahead would get all
    go = results / "leases" / "go"
    while not go.exists():
        time.sleep(0.001)
    with timer:
        for number in order:
            if taken := lease.claim(store.lease(f"{number:016x}"), "run", "001"):
                timer.got += 1
                if release:
                    taken.release()
    return timer


STEPS: dict[str, Callable[[Path, Path], Timer]] = {
    "read the suite, make the plan": read_suite,
    "write the plan": write_plan,
    "read the whole plan": read_plan,
    "a job reads its cell of the plan": read_one_cell,
    "status of all cells, none begun": statuses_todo,
    "status of all cells, all done": statuses_done,
    "look for damage, all done": look_for_damage,
    "bring labels up to date, all done": bring_up_to_date,
    "read all records": read_records,
}


if __name__ == "__main__":
    name, suite, results = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    timed = STEPS[name](suite, results) if name in STEPS else lease_all(results, release=name == "release")
    print(json.dumps(timed.as_json()))
