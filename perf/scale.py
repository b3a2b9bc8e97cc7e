"""What planning, leasing and reading cost at 100 to 100,000 cells: uv run python perf/scale.py [CELLS ...]

The records are invented; the files are as many as a run leaves. Each step runs in a process of its own. The machine
may be shared: CPU seconds stand beside wall seconds, and of several runs the least counts. A preloaded library
(perf/metadata.c, built with cc) counts the calls that look up or change names in the results folder, and makes each
take a millisecond more, as a file system on a network does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthetic import planned, write_results, write_suite

from harness import lease
from harness.damage import repair
from harness.planfile import PlanFile
from harness.registry import registry
from harness.store import Store

HERE = Path(__file__).parent
SIZES = (100, 1000, 10_000, 100_000)
SLOW = 1000  # the number of cells of the folder that is read with a millisecond for each call
LEASES = 2000


class Timer:
    """Wall and CPU seconds of what is done inside."""

    def __enter__(self) -> Timer:
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def as_json(self) -> dict[str, float]:
        return {"wall": self.wall, "cpu": self.cpu}


# Steps: each prepares what it needs and times the rest.


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


def lease_alone(_: Path, results: Path) -> Timer:
    store = Store(results)
    with Timer() as timer:
        for number in range(LEASES):
            taken = lease.claim(store.lease(f"{number:016x}"), "run", "001")
            assert taken
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
COMMANDS: dict[str, list[str]] = {  # SUITE and RESULTS are put in
    "harness plan, none begun": ["plan", "SUITE", "--results", "RESULTS/none"],
    "harness plan, all done": ["plan", "SUITE", "--results", "RESULTS"],
    "harness run, all done": ["run", "SUITE", "--results", "RESULTS", "--device", "cpu"],
    "harness leaderboard": ["leaderboard", "RESULTS"],
}


def step(name: str, suite: Path, results: Path, pause: int | None = None) -> dict[str, Any]:
    """One step in a process of its own; counted where there is a pause of so many microseconds, which may be 0."""
    counts = results.parent / "counts.txt"
    counts.unlink(missing_ok=True)
    environment = dict(os.environ)
    if pause is not None:
        environment |= preload(results, counts, pause)
    arguments = [sys.executable, __file__, "--step", name, str(suite), str(results)]
    done = subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | ({"calls": read_counts(counts)} if pause is not None else {})


def preload(results: Path, counts: Path, pause: int) -> dict[str, str]:
    library = Path(tempfile.gettempdir()) / "harness-perf-metadata.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "metadata.c", "-ldl"], check=True)
    names = {"LD_PRELOAD": str(library), "SCALE_PREFIX": str(results), "SCALE_COUNTS": str(counts)}
    return names | {"SCALE_MICROSECONDS": str(pause)}


def read_counts(file: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        kind, number = line.split()
        counts[kind] += int(number)
    return dict(counts)


def command(arguments: list[str], suite: Path, results: Path) -> dict[str, float]:
    """Wall and CPU seconds of `harness`, and the memory that it held at most."""
    given = [each.replace("SUITE", str(suite)).replace("RESULTS", str(results)) for each in arguments]
    wall = time.perf_counter()
    command_ = [str(Path(sys.executable).with_name("harness")), *given]
    process = subprocess.Popen(command_, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, (given, status)
    cpu = used.ru_utime + used.ru_stime
    return {"wall": time.perf_counter() - wall, "cpu": cpu, "megabytes": used.ru_maxrss / 2**10}


def least(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: min(run[key] for run in runs) for key in runs[0]}


def weigh(results: Path) -> dict[str, Any]:
    """Files, folders and bytes of a results folder."""
    files = folders = size = 0
    for _, inside, names in os.walk(results):
        folders += len(inside)
        files += len(names)
    for each in (results / "plans").glob("*"):
        size += each.stat().st_size
    return {"files": files, "folders": folders, "plan_bytes": size}


def measure(folder: Path, cells: int) -> dict[str, Any]:
    suite, results = write_suite(folder / "suite.yaml", cells), folder / "results"
    write_results(results, planned(suite), large_files=True)
    repeats = 2 if cells >= 100_000 else 3
    found: dict[str, Any] = {"suite_bytes": suite.stat().st_size, "steps": {}, "commands": {}}
    for name in STEPS:
        found["steps"][name] = least([step(name, suite, results) for _ in range(repeats)])
        print(f"{cells:>7} {name:40} {found['steps'][name]}", flush=True)
    for name, arguments in COMMANDS.items():
        found["commands"][name] = least([command(arguments, suite, results) for _ in range(repeats)])
        print(f"{cells:>7} {name:40} {found['commands'][name]}", flush=True)
    found |= weigh(results)
    if cells == SLOW:
        for name in STEPS:
            found["steps"][name]["calls"] = step(name, suite, results, 0)["calls"]
            found["steps"][name]["slow_wall"] = step(name, suite, results, 1000)["wall"]
            print(f"{cells:>7} {name:40} {found['steps'][name]}", flush=True)
    return found


def main(sizes: list[int]) -> None:
    found = {}
    for cells in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found[str(cells)] = measure(Path(folder), cells)
    from machine import describe  # imports torch, which would count as this process's memory and so as its children's

    content = json.dumps({"machine": describe(), "sizes": found}, indent=1)
    (HERE / "results" / "scale.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(STEPS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4])).as_json()))
    else:
        main([int(each) for each in sys.argv[1:]] or list(SIZES))
