"""A fault campaign: suites of short cells run while processes are killed, files damaged, the clock set and the disk
filled up; after each fault the same command runs again, and what must always be true is checked.

    uv run python tests/faults/campaign.py --kills 200 --seed 0     # then: uv run python tests/faults/render.py

Every random choice comes from the seed and is printed. A suite's choices depend on the seed and its number alone:
`--first N` begins with suite N. A kill comes so many seconds after a start: what it meets
there depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.bench import HARNESS
from tests.faults.invariants import Keeper, witnessed
from tests.faults.machine import Disk, Role, Shim, disk_for, kill, processes
from tests.faults.target import BUNDLED, TOY, Run, hurt, last_lines, stamps

RESULT = Path(__file__).with_name("campaign.json")
PATIENCE = 180.0  # seconds that an undisturbed run may take, and far more than it does
ORPHANS = 30.0  # seconds that what a killed run started may live on
JUMPS = (-315_360_000, -86_400, -3_600, 3_600, 86_400, 315_360_000)  # an hour, a day, ten years
LONG = ("kill",) * 6 + ("two", "damage", "clock", "disk")
SHORT = ("kill", "two", "damage", "clock", "disk")


@dataclass
class Figures:
    """What happened, and what was found wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    longest_orphan: float = 0.0
    violations: list[str] = field(default_factory=list)


class Campaign:
    """Runs suites under faults until so many processes were killed."""

    def __init__(self, folder: Path, seed: int, seeds: int, rounds: Iterable[str], keep: Path | None = None) -> None:
        self.keep = keep
        self.folder, self.seed, self.rounds = folder, seed, tuple(rounds)
        self.token = secrets.token_hex(4)
        self.shim = Shim(folder, folder / "disk")
        self.disk: Disk = disk_for(folder / "disk", self.shim)
        self.figures = Figures()
        self.witness = folder / "witness.jsonl"
        self.suites: list[Path] = []
        self.cells: dict[str, int] = {}
        for text, per_seed in ((TOY, 3), (BUNDLED, 8)):
            numbers = list(range(max(1, seeds // per_seed)))
            path = folder / f"{text.split()[1]}.yaml"
            path.write_text(text.format(seeds=numbers))
            self.suites.append(path)
            self.cells[path.stem] = per_seed * len(numbers)

    def close(self) -> None:
        for process in processes(self.token):
            kill(process)
        self.disk.close()

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def wrong(self, text: str) -> None:
        self.figures.violations.append(text)
        self.say(f"VIOLATION {text}")
        if self.keep is not None and not self.keep.exists():  # the first one, as it was found
            shutil.copytree(self.folder, self.keep, ignore_dangling_symlinks=True)

    def report(self) -> dict[str, Any]:
        figures = self.figures
        return {
            "system": f"{platform.system()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
            "disk": self.disk.name,
            "clock": "a preloaded library" if self.shim.works else "not set: there is no C compiler",
            "cells_of_a_suite": self.cells,
            "kills": dict(sorted(figures.kills.items())),
            "counts": dict(sorted(figures.counts.items())),
            "checks": dict(sorted(figures.checks.items())),
            "longest_orphan_seconds": round(figures.longest_orphan, 1),
            "violations": figures.violations,
        }

    # ---- runs

    def start(self, suite: Path, results: Path) -> Run:
        self.figures.counts["runs"] += 1
        command = [*HARNESS, "run", str(suite), "--results", str(results), "--device", "cpu"]
        command += ["--workers", "2"]  # as in every run: they decide the threads, and these the last bits
        command += ["--checkpoint-every", "4steps"]
        more = {"HARNESS_WITNESS": str(self.witness), **self.shim.environment}
        return Run(f"{self.token}:{self.figures.counts['runs']}:", command, self.folder, more)

    def wait(self, run: Run, doing: str, codes: tuple[int, ...] = (0, 1)) -> None:
        """Until the run ends by itself."""
        try:
            code = run.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.wrong(f"{doing}: the run hangs; {run.output.name} ends with {last_lines(run.output)}")
            for process in processes(run.mark):
                kill(process)
            run.process.wait()
            return
        if not run.killed:
            if code not in codes:
                self.wrong(f"{doing}: exit code {code}: {last_lines(run.output)}")
            if "Traceback" in run.output.read_text(errors="replace"):
                self.wrong(f"{doing}: a traceback for the user: {last_lines(run.output)}")

    def settle(self, doing: str) -> None:
        """Wait until no process of any run is left."""
        started = time.monotonic()
        while left := processes(self.token):
            if time.monotonic() - started > ORPHANS:
                self.wrong(f"{doing}: {len(left)} processes are left: {[process.role for process in left]}")
                for process in left:
                    kill(process)
            time.sleep(0.05)
        self.figures.longest_orphan = max(self.figures.longest_orphan, time.monotonic() - started)

    def strike(self, run: Run, target: str, rng: random.Random) -> bool:
        """Kill one process of a run, or all of them at once; whether there was one."""
        roles: dict[str, tuple[Role, ...]] = {
            "the run": ("run",), "a worker": ("worker",), "the fork server": ("server",)
        }  # fmt: skip
        if target == "the whole tree":
            hit = [kill(process) for process in processes(run.mark)]
        else:
            there = run.of(*roles[target])
            hit = [kill(rng.choice(there))] if there else []
        if any(hit):
            self.figures.kills[target] += 1
            run.killed = run.killed or target in ("the run", "the whole tree")
        return any(hit)

    # ---- one suite

    def suite(self, number: int) -> None:
        """All rounds of one suite in a folder of its own, then the check that it can be completed and equals what an
        undisturbed run gives."""
        rng = random.Random(f"{self.seed} {number}")
        suite = self.suites[number % len(self.suites)]
        results = self.disk.folder / f"{number:03}-{suite.stem}"
        keeper = Keeper(results, self.reference(suite))
        kinds = rng.sample(self.rounds, len(self.rounds))
        kinds.sort(key=lambda kind: kind in ("two", "clock"))  # after which a suite may be complete
        for index, kind in enumerate(kinds):
            if kind == "kill" and self.is_complete(suite, results):
                continue  # there would be nothing to kill
            doing = f"suite {number} ({suite.stem}), round {index} ({kind})"
            self.figures.counts[f"rounds of '{kind}'"] += 1
            getattr(self, f"round_{kind}")(doing, suite, results, keeper, rng)
            self.shim.set_clock(0)
            self.disk.empty()
            if rng.random() < 0.3:  # whatever is still alive then has to share
                continue
            self.settle(doing)
            self.look(doing, keeper.look())
        self.finish(f"suite {number} ({suite.stem}), last run", suite, results, keeper)
        self.figures.checks += keeper.checks
        self.figures.counts["suites"] += 1
        self.figures.counts["cells"] += self.cells[suite.stem]

    def is_complete(self, suite: Path, results: Path) -> bool:
        return len(list(results.glob("cells/*/evaluations/[!.]*.json"))) == self.cells[suite.stem]

    def reference(self, suite: Path) -> Path:
        """The results of a run that nothing disturbs, made once."""
        results = self.disk.folder / "reference" / suite.stem  # quick to write, unlike a real disk
        if not results.exists():
            self.say(f"the undisturbed run of {suite.stem}: {self.cells[suite.stem]} cells")
            self.wait(self.start(suite, results), "undisturbed", codes=(0,))
            if not self.is_complete(suite, results):
                raise RuntimeError("without any fault, the suite does not become complete")
        return results

    def finish(self, doing: str, suite: Path, results: Path, keeper: Keeper) -> None:
        """Undisturbed, the suite becomes complete; once more, nothing changes."""
        self.settle(doing)
        self.wait(self.start(suite, results), doing, codes=(0,))
        self.settle(doing)
        self.look(doing, keeper.look())
        self.look(doing, keeper.complete())
        before = stamps(results)
        self.wait(self.start(suite, results), f"{doing}, again", codes=(0,))
        self.settle(doing)
        if stamps(results) != before:
            self.wrong(f"{doing}: a run with nothing left to do changed files")
        self.say(f"{doing}: complete; {sum(self.figures.kills.values())} kills so far")

    def look(self, doing: str, found: Iterable[str]) -> None:
        for violation in found:
            self.wrong(f"{doing}: {violation}")
        for violation in witnessed(self.witness):
            self.wrong(f"{doing}: {violation}")
        self.witness.unlink(missing_ok=True)

    # ---- the kinds of rounds

    def round_kill(self, doing: str, suite: Path, results: Path, _keeper: Keeper, rng: random.Random) -> None:
        """Some workers and perhaps the fork server, one after the other, then something that ends the run."""
        run = self.start(suite, results)
        number = rng.choice((0, 6, 12, 18, 24))
        first = [(rng.choice(("a worker",) * 11 + ("the fork server",)), rng.uniform(0.02, 0.4)) for _ in range(number)]
        last = rng.choice(("the run", "the whole tree")), rng.uniform(0.0, 2.0 if number else 15.0)
        self.execute(run, [*first, last], doing, rng, patient=number > 0)
        self.wait(run, doing)

    def round_two(self, doing: str, suite: Path, results: Path, _keeper: Keeper, rng: random.Random) -> None:
        """Two runs at once, of which one or both may die, or lose a worker or the fork server."""
        first = self.start(suite, results)
        time.sleep(rng.uniform(0.0, 2.0))
        second = self.start(suite, results)
        for run in (first, second):
            target = rng.choice(("a worker", "the run", "the whole tree", "the fork server"))
            if rng.random() < 0.8:
                self.execute(run, [(target, rng.uniform(0.0, 4.0))], doing, rng, patient=True)
        self.wait(first, doing)
        self.wait(second, doing)

    def round_damage(self, doing: str, _suite: Path, results: Path, keeper: Keeper, rng: random.Random) -> None:
        """Some files are cut short or have bits flipped, while nothing runs."""
        self.settle(doing)
        self.look(doing, keeper.look())  # before anything is damaged
        files = sorted(path for path in results.rglob("*") if path.is_file() and not path.name.startswith("."))
        for path in rng.sample(files, min(len(files), rng.randint(1, 8))):
            how = hurt(path, rng)
            keeper.damage(path)
            self.figures.counts["files damaged"] += 1
            self.say(f"{doing}: {path.relative_to(results)} {how}")

    def round_clock(self, doing: str, suite: Path, results: Path, _keeper: Keeper, rng: random.Random) -> None:
        """The clock is set forward and back, by up to ten years, while one or two runs go on."""
        runs = [self.start(suite, results) for _ in range(rng.choice((1, 2)))]
        end = time.monotonic() + rng.choice((PATIENCE, rng.uniform(5.0, 15.0)))
        while any(run.goes_on() for run in runs):
            time.sleep(rng.uniform(0.3, 2.0))
            if not self.shim.works:
                break
            jump = rng.choice(JUMPS)
            self.shim.set_clock(jump)
            self.figures.counts["clock jumps"] += 1
            if time.monotonic() > end:
                self.say(f"{doing}: kills the whole tree")
                self.strike(runs[0], "the whole tree", rng)
                end += PATIENCE
        self.say(f"{doing}: {len(runs)} runs")
        for run in runs:
            self.wait(run, doing)

    def round_disk(self, doing: str, suite: Path, results: Path, _keeper: Keeper, rng: random.Random) -> None:
        """The disk fills up but for some bytes, before a run or in the middle of it."""
        delay, room = rng.choice((0.0, rng.uniform(2.0, 6.0))), int(10 ** rng.uniform(0, 5.5))
        self.say(f"{doing}: {room} bytes left after {delay:.2f} s")
        if not delay:
            self.disk.fill(room)
        run = self.start(suite, results)
        if delay:
            time.sleep(delay)
            self.disk.fill(room)
        self.figures.counts["disks filled up"] += 1
        self.wait(run, doing, codes=(0, 1, 2))

    def execute(
        self, run: Run, orders: Iterable[tuple[str, float]], doing: str, rng: random.Random, *, patient: bool
    ) -> None:
        """Kill what is ordered, each so many seconds after the one before; `patient`: while there is a worker."""
        for target, delay in orders:
            deadline = time.monotonic() + 20
            while patient and run.goes_on() and not run.of("worker") and time.monotonic() < deadline:
                time.sleep(0.02)
            if not run.goes_on():
                return
            time.sleep(delay)
            hit = self.strike(run, target, rng)
            self.say(f"{doing}: {'kills' if hit else 'does not find'} {target} after {delay:.2f} s")


def campaign(
    folder: Path,
    seed: int,
    kills: int,
    cells: int,
    rounds: Iterable[str],
    first: int = 0,
    keep: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Suites of about so many cells, until so many processes were killed. After each suite: what happened so far and
    what was found wrong."""
    started = time.monotonic()
    whole = Campaign(folder, seed, cells, rounds, keep)
    try:
        for number in count(first):
            whole.suite(number)
            yield {"seed": seed, "first": first, "seconds": round(time.monotonic() - started), **whole.report()}
            if sum(whole.figures.kills.values()) >= kills:
                return
    finally:
        whole.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=int, default=48, help="about so many cells a suite")
    parser.add_argument("--first", type=int, default=0, help="number of the first suite")
    parser.add_argument("--keep", type=Path, help="takes a copy of everything at the first violation")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harness-campaign-") as folder:
        found: dict[str, Any] = {}
        for found in campaign(Path(folder), given.seed, given.kills, given.cells, LONG, given.first, given.keep):
            given.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
