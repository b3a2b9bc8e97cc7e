"""What a run itself takes for each cell, and what a whole cell calls of the file system; for perf/scale.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from counted import Timer, preload, read_counts
from synthetic import planned, write_results, write_suite

from harness.base.atomic_files import write_json
from harness.plugins.executors import Ended, Executor, Job, Resources
from harness.running.job_command import PREPARE
from harness.running.run_options import Display
from harness.running.scheduler import run_plan
from harness.store.results_folder import Store
from harness.suite.plan import Plan

CELLS = 1000
NO_WORK = """\
name: nothing
matrix: {{method: [untrained], backbone: [conv4], dataset: [digits], seed: [{seeds}]}}
budget: {{steps: 1}}
evaluators: {{knn: {{}}}}
"""


class Instant(Executor):
    """Jobs that are over when they are submitted: what is left is the run. `spent`: CPU seconds that are not its."""

    capacity = 256

    def __init__(self, store: Store, plan: Plan) -> None:
        super().__init__(None, Resources("cpu", None))
        self.store, self.plan, self.spent = store, plan, 0.0
        self.over: list[Ended] = []

    def submit(self, job: Job) -> None:
        before = time.process_time()
        if job.name == PREPARE:
            write_json(Path(job.command[-1]), {"errors": []})
        else:
            one = replace(self.plan, cells={job.name: self.plan.cells[job.name]})
            write_results(self.store.folder, one, large_files=True)
        self.over.append(Ended(job.name, 0))
        self.spent += time.process_time() - before

    def poll(self, timeout: float) -> list[Ended]:  # noqa: ARG002 (an executor's)
        over, self.over = self.over, []
        return over

    def cancel(self) -> None:
        """Nothing runs."""

    close = cancel


def feed(folder: Path) -> dict[str, Any]:
    """What a run takes for each cell to submit it, see it end and read its record: CPU seconds, and calls."""
    results, counts = folder / "feed", folder / "counts.txt"
    found, counted = [], []
    for how, pause in (("run", None), ("run", 0), ("write", 0)):
        shutil.rmtree(results, ignore_errors=True)
        counts.unlink(missing_ok=True)
        environment = os.environ | ({} if pause is None else preload(results, counts, pause))
        arguments = [
            sys.executable,
            __file__,
            how,
            str(write_suite(folder / "feed.yaml", CELLS)),
            str(results),
        ]
        found.append(float(subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE).stdout))
        counted.append(0 if pause is None else sum(read_counts(counts).values()))
    return {"cells": CELLS, "cpu_per_cell": found[0] / CELLS, "calls_per_cell": (counted[1] - counted[2]) / CELLS}


def fed(how: str, suite: Path, results: Path) -> float:
    """CPU seconds of a run whose jobs take no time; or only what those jobs write is written."""
    plan, store = planned(suite), Store(results)
    if how == "write":
        for id_, cell in plan.cells.items():
            write_results(results, replace(plan, cells={id_: cell}), large_files=True)
        return 0.0
    executor = Instant(store, plan)
    with Timer() as timer:
        statuses = run_plan(plan, store, executor, Display())
    if set(statuses.values()) != {"done"}:
        raise RuntimeError(f"not all cells are done: {Counter(statuses.values())}")
    return timer.cpu - executor.spent


def whole_cells(folder: Path) -> dict[str, Any]:
    """What a run and its jobs call for one more cell, which learns nothing and is scored once."""
    counted = []
    for cells in (2, 6):
        suite, results, counts = folder / f"{cells}.yaml", folder / f"cells-{cells}", folder / "counts.txt"
        suite.write_text(NO_WORK.format(seeds=", ".join(map(str, range(cells)))), encoding="utf-8")
        counts.unlink(missing_ok=True)
        arguments = ["run", str(suite), "--results", str(results), "--device", "cpu", "--workers", "1"]
        subprocess.run(
            [Path(sys.executable).with_name("harness"), *arguments],
            env=os.environ | preload(results, counts, 0),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        counted.append(read_counts(counts))
    fewer, more = counted
    return {kind: (more[kind] - fewer[kind]) / 4 for kind in more}


if __name__ == "__main__":
    print(fed(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
