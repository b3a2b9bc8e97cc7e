"""What the harness costs around the work itself: uv run python perf/overheads.py

Whole processes are timed with Python's compiled files in place, as an installed package has them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from machine import describe
from synthetic import planned, write_results, write_suite

from harness.plugins.executors import Resources
from harness.plugins.registry import registry
from harness.running.run_options import Display
from harness.running.scheduler import run_plan
from harness.store.results_folder import Store
from harness.suite.cell import Cell
from harness.suite.plan import Plan
from harness.suite.suite import load_suite

REPEATS = 7
SIZES = (100, 1000, 10_000)
CELLS = 30
NO_WORK = f"""\
name: nothing
matrix: {{method: [untrained], backbone: [conv4], dataset: [digits], seed: [{", ".join(map(str, range(CELLS)))}]}}
budget: {{steps: 1}}
evaluators: {{knn: {{}}}}
"""


def command(*arguments: str | Path) -> float:
    """Median seconds of `harness` with these arguments, after a first call that leaves compiled files."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "harness-perf-compiled")}
    took = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        subprocess.run(
            [Path(sys.executable).with_name("harness"), *arguments],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        took.append(time.perf_counter() - started)
    return median(took[1:])


class Stopwatch(Display):
    """A display that shows nothing and notes when each cell ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def warn(self, message: str) -> None:
        print(message, file=sys.stderr)

    def ended(self, cell: Cell, status: str, message: str, seconds: float | None) -> None:  # noqa: ARG002 (a Display's)
        if status != "ok":
            raise RuntimeError(message)
        self.ends.append(time.perf_counter())


def per_cell(folder: Path, suite: Path) -> float:
    """Median seconds from one cell's end to the next one's, one at a time, less what the evaluator took."""
    plan = Plan.of(load_suite(suite, registry()))
    store = Store(folder / "nothing")
    cell = next(iter(plan.cells.values()))
    components = [cell.method, cell.backbone, cell.dataset, *plan.evaluators.values()]
    modules = tuple({component.spec.target.partition(":")[0] for component in components})
    spec = registry().get("executor", "local")
    executor = spec.load()(spec.config(), Resources("cpu", 1, modules))
    watch = Stopwatch()
    try:
        run_plan(plan, store, executor, watch)
    finally:
        executor.close()
    work = median(each["seconds"] for record in store.records() for each in record.evaluations.values())
    return median(later - earlier for earlier, later in zip(watch.ends[1:], watch.ends[2:], strict=False)) - work


def measure(folder: Path) -> dict[str, float]:
    seconds = {"harness --help": command("--help"), "harness list": command("list")}
    for size in SIZES:
        suite = write_suite(folder / f"{size}.yaml", size)
        seconds[f"harness plan, {size:,} cells"] = command("plan", suite, "--results", folder / "none")
        results = folder / f"results-{size}"
        write_results(results, planned(suite))
        seconds[f"harness leaderboard, {size:,} records"] = command("leaderboard", results)
    suite = folder / "nothing.yaml"
    suite.write_text(NO_WORK, encoding="utf-8")
    one = ("run", suite, "--only", "seed=0", "--fresh", "--results", folder / "one")
    seconds["harness run, one cell without work"] = command(*one)
    seconds["per cell beyond its work"] = per_cell(folder, suite)
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder))
    machine: dict[str, Any] = describe()
    for key, value in machine.items():
        print(f"{key}: {value}")
    for name, value in seconds.items():
        print(f"{name:40} {value:8.3f} s")
    content = json.dumps({"machine": machine, "repeats": REPEATS, "seconds": seconds}, indent=1)
    target = Path(__file__).parent / "results" / "overheads.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
