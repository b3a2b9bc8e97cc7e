"""What planning, leasing and reading cost at 100 to 100,000 cells: uv run python perf/scale.py [CELLS ...]

The records are invented; the files are as many as a run leaves. Each step runs in a process of its own. The machine
may be shared: CPU seconds stand beside wall seconds, and of several runs the least counts. A preloaded library
(perf/metadata.c, built with cc) counts the calls that look up or change names in the results folder, and makes each
take a millisecond more, as a file system on a network does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic import planned, write_results, write_suite

from harness import lease
from harness.cells import Cell
from harness.damage import repair
from harness.executors import Ended, Executor, Job, Resources
from harness.files import write_json
from harness.jobs import PREPARE
from harness.plan import Plan
from harness.planfile import PlanFile
from harness.progress import Progress
from harness.registry import registry
from harness.running import run
from harness.store import Store

HERE = Path(__file__).parent
SIZES = (100, 1000, 10_000, 100_000)
SLOW = 1000  # the number of cells of the folder that is read with a millisecond for each call
PAUSE = 1000  # microseconds
LEASES = 2000
NO_WORK = """\
name: nothing
matrix: {{method: [untrained], backbone: [conv4], dataset: [digits], seed: [{seeds}]}}
budget: {{steps: 1}}
evaluators: {{knn: {{}}}}
"""


class Timer:
    """Wall and CPU seconds of what is done inside, and how many leases were got."""

    got = 0

    def __enter__(self) -> Timer:
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def as_json(self) -> dict[str, float]:
        return {"wall": self.wall, "cpu": self.cpu, "got": self.got}


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
COMMANDS: dict[str, list[str]] = {  # SUITE and RESULTS are put in
    "harness plan, none begun": ["plan", "SUITE", "--results", "RESULTS/none"],
    "harness plan, all done": ["plan", "SUITE", "--results", "RESULTS"],
    "harness run, all done": ["run", "SUITE", "--results", "RESULTS", "--device", "cpu"],
    "harness leaderboard": ["leaderboard", "RESULTS"],
    "harness report": ["report", "RESULTS"],
}
COMPACT = "harness compact"
READ_ALL = (*list(STEPS)[5:], *list(COMMANDS)[1:])  # what copies make a difference to


def timed(name: str, suite: Path, results: Path, pause: int | None = None) -> dict[str, Any]:
    """A step or command in a process of its own: wall and CPU seconds, and of a command the memory that it held.

    With a `pause` in microseconds, which may be 0, each call that is counted takes so much longer.
    """
    if name in STEPS:
        arguments = [sys.executable, __file__, "--step", name, str(suite), str(results)]
    else:
        given = COMMANDS.get(name, ["compact", "RESULTS"])
        given = [each.replace("SUITE", str(suite)).replace("RESULTS", str(results)) for each in given]
        arguments = [str(Path(sys.executable).with_name("harness")), *given]
    counts, output = results.parent / "counts.txt", results.parent / "output.txt"
    counts.unlink(missing_ok=True)
    environment = os.environ | ({} if pause is None else preload(results, counts, pause))
    started = time.perf_counter()
    with output.open("wb") as told:
        process = subprocess.Popen(arguments, env=environment, stdout=told)
        _, status, used = os.wait4(process.pid, 0)  # memory is that of the process, and not of the largest so far
    if status:
        raise RuntimeError(f"{arguments} left with {status}")
    if name in STEPS:
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    else:
        cpu = used.ru_utime + used.ru_stime
        found = {"wall": time.perf_counter() - started, "cpu": cpu, "megabytes": used.ru_maxrss / 2**10}
    return found | ({"calls": read_counts(counts)} if pause is not None else {})


def preload(results: Path, counts: Path, pause: int) -> dict[str, str]:
    library = Path(tempfile.gettempdir()) / "harness-perf-metadata.so"
    if not library.exists() or library.stat().st_mtime < (HERE / "metadata.c").stat().st_mtime:
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "metadata.c", "-ldl"], check=True)
    names = {"LD_PRELOAD": str(library), "SCALE_PREFIX": str(results), "SCALE_COUNTS": str(counts)}
    return names | {"SCALE_MICROSECONDS": str(pause)}


def read_counts(file: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        kind, number = line.split()
        counts[kind] += int(number)
    return dict(counts)


def least(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The least wall and the least CPU seconds."""
    return {key: min(run[key] for run in runs) for key in runs[0]}


def weigh(results: Path) -> dict[str, int]:
    """Files and folders of a results folder, bytes of its plan, and of the JSON files of its cells."""
    found: Counter[str] = Counter()
    for folder, inside, names in os.walk(results):
        found["folders"] += len(inside)
        found["files"] += len(names)
        found["json_bytes"] += sum(Path(folder, name).stat().st_size for name in names if name[-5:] == ".json")
    found["plan_bytes"] = sum(path.stat().st_size for path in (results / "plans").glob("*.jsonl"))
    return dict(found)


def measure(folder: Path, cells: int) -> dict[str, Any]:
    suite, results = write_suite(folder / "suite.yaml", cells), folder / "results"
    if not results.exists():
        write_results(results, planned(suite), large_files=True)
    repeats = 3 if cells < SLOW else 1
    found: dict[str, Any] = {"repeats": repeats, "suite_bytes": suite.stat().st_size}

    def take(layout: str, names: Iterable[str]) -> None:
        found[layout] = {}
        for name in names:
            found[layout][name] = least([timed(name, suite, results) for _ in range(repeats)])
            if cells == SLOW:
                found[layout][name]["calls"] = timed(name, suite, results, 0)["calls"]
                found[layout][name]["slow"] = timed(name, suite, results, PAUSE)["wall"]
            print(f"{cells:>7} {layout:10} {name:40} {found[layout][name]}", flush=True)

    take("plain", [*STEPS, *COMMANDS])
    found |= weigh(results)
    if cells == SLOW:
        found["leases"] = leases(results)
        found["compact counted"] = timed(COMPACT, suite, results, PAUSE)
        shutil.rmtree(results / "leases" / "compacted")
    found["compact"] = timed(COMPACT, suite, results)
    found["compacted_bytes"] = sum(path.stat().st_size for path in results.glob("leases/compacted/*/cells.json"))
    take("compacted", READ_ALL)
    return found


def leases(results: Path) -> dict[str, Any]:
    """One process claims and gives back each cell; two at once try to claim all: wall and CPU seconds, who got how
    many."""
    found: dict[str, Any] = {"cells": LEASES}
    (results / "leases").mkdir(exist_ok=True)
    go, counts = results / "leases" / "go", results.parent / "counts.txt"
    for name, number, pause in (("one", 1, None), ("two", 2, None), ("one, counted", 1, 0), ("two, slow", 2, PAUSE)):
        counts.unlink(missing_ok=True)
        environment = os.environ | ({} if pause is None else preload(results, counts, pause))
        arguments = [sys.executable, __file__, "--lease", "release" if number == 1 else "keep", str(results)]
        runs = [subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        time.sleep(3)  # until each has started and waits
        go.touch()
        told = [json.loads(run.communicate()[0]) for run in runs]
        go.unlink()
        if sum(each["got"] for each in told) != LEASES or len(list(results.glob("leases/*.json"))) % LEASES:
            raise RuntimeError(f"a lease was given twice or not at all: {told}")
        for path in results.glob("leases/*.json"):
            path.unlink()
        found[name] = {"processes": told} | ({"calls": read_counts(counts)} if pause is not None else {})
        print(f"leases, {name}: {found[name]}", flush=True)
    return found


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


class Silent:
    """A display that shows nothing."""

    def preparing(self) -> None: ...
    def warn(self, message: str) -> None: ...
    def update(self, progress: Progress) -> None: ...
    def ended(self, cell: Cell, status: str, message: str, seconds: float | None) -> None: ...


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
            "--feed",
            how,
            str(write_suite(folder / "feed.yaml", SLOW)),
            str(results),
        ]
        found.append(float(subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE).stdout))
        counted.append(0 if pause is None else sum(read_counts(counts).values()))
    return {"cells": SLOW, "cpu_per_cell": found[0] / SLOW, "calls_per_cell": (counted[1] - counted[2]) / SLOW}


def fed(how: str, suite: Path, results: Path) -> float:
    """CPU seconds of a run whose jobs take no time; or only what those jobs write is written."""
    plan, store = planned(suite), Store(results)
    if how == "write":
        for id_, cell in plan.cells.items():
            write_results(results, replace(plan, cells={id_: cell}), large_files=True)
        return 0.0
    executor = Instant(store, plan)
    with Timer() as timer:
        statuses = run(plan, store, executor, Silent())
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


def main(sizes: list[int], folder: Path | None) -> None:
    target = HERE / "results" / "scale.json"
    content: dict[str, Any] = {"sizes": {}}
    for cells in sizes:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            found = {str(cells): measure(folder or Path(temporary), cells)}
            folder_ = Path(temporary)
            whole = {"whole_cell": whole_cells(folder_), "feed": feed(folder_)} if cells == SLOW else {}
        if target.exists():  # as it is now
            content = json.loads(target.read_text(encoding="utf-8"))
        content |= {"pause_microseconds": PAUSE, "slow_cells": SLOW, **whole}
        content["sizes"] = dict(sorted((content["sizes"] | found).items(), key=lambda item: int(item[0])))
        target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    from machine import describe  # imports torch, and a child's memory would begin with this process's

    target.write_text(json.dumps({"machine": describe()} | content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(STEPS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4])).as_json()))
    elif sys.argv[1:2] == ["--feed"]:
        print(fed(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
    elif sys.argv[1:2] == ["--lease"]:
        print(json.dumps(lease_all(Path(sys.argv[3]), release=sys.argv[2] == "release").as_json()))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("cells", type=int, nargs="*", default=SIZES, help="sizes; others of the results are kept")
        parser.add_argument("--folder", type=Path, help="holds results/ of that size already, and is kept")
        given = parser.parse_args()
        main(list(given.cells), given.folder)
