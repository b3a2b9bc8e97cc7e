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
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from counted import preload, read_counts
from feeding import feed, whole_cells
from scale_steps import LEASES, STEPS
from synthetic import planned, write_results, write_suite

HERE = Path(__file__).parent
STEPS_FILE = str(HERE / "scale_steps.py")
SIZES = (100, 1000, 10_000, 100_000)
SLOW = 1000  # the number of cells of the folder that is read with a millisecond for each call
PAUSE = 1000  # microseconds
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
        arguments = [sys.executable, STEPS_FILE, name, str(suite), str(results)]
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
        arguments = [sys.executable, STEPS_FILE, "release" if number == 1 else "keep", "none", str(results)]
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=int, nargs="*", default=SIZES, help="sizes; others of the results are kept")
    parser.add_argument("--folder", type=Path, help="holds results/ of that size already, and is kept")
    given = parser.parse_args()
    main(list(given.cells), given.folder)
