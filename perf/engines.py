"""What executors cost for each cell that does next to nothing: uv run python perf/engines.py [NAME[:KEY=VALUE,..] ..]

Each executor that is named, or all that are installed, runs the same trivial cells, one at a time and as many at a time
as there are cores; beside them a plain loop that starts `harness cell` for one after the other. Each in a process of
its own, whose CPU seconds count with those of all that it started; what daemons of an engine do is not seen. An
executor that cannot be used here is left out, with its reason.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from overheads import Stopwatch
from synthetic import planned

from harness import UsageError
from harness.plugins.executors import Resources
from harness.plugins.options import parse
from harness.plugins.registry import registry
from harness.running.scheduler import run_plan
from harness.store.results_folder import Store
from harness.suite.plan import Plan

FEW, MANY = 4, 12  # cells: what is spent once is in both, and their difference is what each cell takes
SUBREAPER = 36  # of prctl(2): orphans become this process's children, so that it can wait for them
SUITE = """\
name: nothing
matrix: {{method: [untrained], backbone: [conv4], dataset: [digits], seed: [{seeds}]}}
budget: {{steps: 1}}
evaluators: {{knn: {{}}}}
"""


def prepared(cells: int, folder: Path) -> tuple[Plan, Store]:
    suite = folder / "nothing.yaml"
    suite.write_text(SUITE.format(seeds=", ".join(map(str, range(cells)))), encoding="utf-8")
    return planned(suite), Store(folder / "results")


def by_executor(name: str, options: dict[str, Any], workers: int, cells: int, folder: Path) -> dict[str, float]:
    """Seconds to the first cell's end, and from one cell's end to the next one's."""
    plan, store = prepared(cells, folder)
    spec = registry().get("executor", name)
    config: Any = parse(spec.config, options, lambda _: "the command line", owner=name)
    cell = next(iter(plan.cells.values()))
    components = [cell.method, cell.backbone, cell.dataset, *plan.evaluators.values()]
    modules = tuple({component.spec.target.partition(":")[0] for component in components})
    started = time.perf_counter()
    executor = spec.load()(config, Resources("cpu", workers, modules, store.folder))
    watch = Stopwatch()
    try:
        run_plan(plan, store, executor, watch)
    finally:
        executor.close()
    steady = watch.ends[workers:] or watch.ends
    between = (steady[-1] - steady[0]) / max(1, len(steady) - 1)
    return {"first": watch.ends[0] - started, "next": between, "work": work(store)}


def by_loop(cells: int, folder: Path) -> dict[str, float]:
    """As `by_executor`, of commands that a script would start one after the other."""
    plan, store = prepared(cells, folder)
    path, took = store.write_plan(plan), []
    for id_ in plan.cells:
        attempt = store.cell(id_).next_attempt()
        attempt.parent.mkdir(parents=True)
        started = time.perf_counter()
        command = [sys.executable, "-m", "harness", "cell", str(path), id_, "--attempt", str(attempt)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - started)
    return {"first": took[0], "next": min(took), "work": work(store)}


def work(store: Store) -> float:
    """Seconds of the evaluator, which are in all the others."""
    return median(each["seconds"] for record in store.records() for each in record.evaluations.values())


def alone(what: tuple[Any, ...]) -> dict[str, Any]:
    """One measurement in a process of its own, with the CPU seconds of all processes that it started."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    before = _cpu()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, __file__, "--alone", json.dumps([*what, folder])]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
    if done.returncode:
        raise UsageError(f"left with {done.returncode}; what it said is above")
    return {**json.loads(done.stdout.splitlines()[-1]), "cpu": _cpu() - before}


def compared(what: str, *rest: Any) -> dict[str, Any]:
    few, many = alone((what, *rest, FEW)), alone((what, *rest, MANY if what != "loop" else 2 * FEW))
    number = (MANY if what != "loop" else 2 * FEW) - FEW
    return {**many, "cpu": (many["cpu"] - few["cpu"]) / number}


def _cpu() -> float:
    """CPU seconds of all that this process has waited for, and they for theirs."""
    times = os.times()
    return times.children_user + times.children_system


def wanted(arguments: list[str]) -> dict[str, dict[str, Any]]:
    """NAME:KEY=VALUE,KEY=VALUE -> options by name; all installed executors without arguments."""
    if not arguments:
        return {spec.name: {} for spec in registry().all("executor")}
    chosen = {}
    for argument in arguments:
        name, _, options = argument.partition(":")
        pairs = [pair.partition("=") for pair in options.split(",") if pair]
        chosen[name] = {key: yaml.safe_load(value) for key, _, value in pairs}
    return chosen


def main(arguments: list[str]) -> None:
    target = Path(__file__).parent / "results" / "engines.json"
    rows: dict[str, Any] = {"a loop of `harness cell`": {"workers": 1, "options": {}, **compared("loop")}}
    absent: dict[str, str] = {}
    for name, options in wanted(arguments).items():
        for workers in dict.fromkeys((1, len(os.sched_getaffinity(0)))):
            try:
                found = compared("executor", name, options, workers)
            except UsageError as error:
                absent[name] = str(error)
                break
            rows[f"{name}, {workers} at a time"] = {"workers": workers, "options": options, **found}
    for title, row in rows.items():
        print(f"{title:30} {row}")
    for name, reason in absent.items():
        print(f"{name}: left out: {reason}")
    from machine import describe  # imports torch, which a measurement must not find loaded

    content = {"machine": describe(), "cells": MANY, "rows": rows, "absent": absent}
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        what, *rest, place = json.loads(sys.argv[2])
        measure: Any = by_loop if what == "loop" else by_executor
        print(json.dumps(measure(*rest, Path(place))))
    else:
        main(sys.argv[1:])
