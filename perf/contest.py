"""Side-by-side timings. Contestants are processes of their own that wait; the driver asks them in turn for one timed
repetition each, A B C A B C ..., so that whatever else slows the machine slows all of them alike."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environment import peers_python
from machine import describe
from render import race_lines

HERE = Path(__file__).parent
OURS = ("ours.py", "stacked.py", "suite.py")
AS_A_CELL = {"THP_MEM_ALLOC_ENABLE": "1"}  # what harness/running/allocator.py sets before a cell imports torch
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Contestant:
    """`script` of `perf/contestants` does `work`, in the harness's environment if `ours` and else in the peers'."""

    name: str
    script: str
    work: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return self.script in OURS


@dataclass(frozen=True)
class Target:
    """`who` is to be `at_least` so many times as fast as the fastest of `over`."""

    who: str
    over: tuple[str, ...]
    at_least: float


@dataclass(frozen=True)
class Race:
    """One table: contestants that do the same work, under the same `options`. `unit` is what they do, in the plural."""

    title: str
    unit: str
    contestants: Sequence[Contestant]
    options: Mapping[str, Any] = field(default_factory=dict)
    targets: Sequence[Target] = ()
    per: tuple[float, str] = (1.0, "s")  # rates are per so many seconds, called this


class AbsentError(Exception):
    """A contestant that could not start."""


class Worker:
    """A contestant's process, from the moment that it is warm. Raises AbsentError if it ends before that."""

    def __init__(self, contestant: Contestant, python: Path | str, options: Mapping[str, Any]) -> None:
        self.contestant = contestant
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as the process)
        threads = str(options["threads"])
        self.process = subprocess.Popen(
            [str(python), str(HERE / "contestants" / contestant.script), contestant.work, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads), **(AS_A_CELL if contestant.ours else {})},
        )
        self.about = self.answer()

    def repeat(self) -> float:
        """Units per second of one repetition."""
        assert self.process.stdin
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        answer = self.answer()
        return float(answer["units"]) / float(answer["seconds"])

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise AbsentError((self.errors.read().strip().splitlines() or ["it ended without a word"])[-1])
        return dict(json.loads(line))

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()  # the worker's loop ends
        self.process.wait()


def run_race(race: Race, arguments: argparse.Namespace, peers: Path | str) -> dict[str, Any]:
    """The race's rates, round by round, as they are written to disk."""
    print(f"{race.title} ...", file=sys.stderr, flush=True)
    common = {name: getattr(arguments, name) for name in ("threads", "device", "precision", "loader_workers")}
    workers: list[Worker] = []
    absent: dict[str, str] = {}
    try:
        for contestant in race.contestants:
            options = {**common, **race.options, **contestant.options}
            try:
                workers.append(Worker(contestant, sys.executable if contestant.ours else peers, options))
            except AbsentError as reason:
                absent[contestant.name] = str(reason)
                print(f"  {contestant.name} is absent: {reason}", file=sys.stderr, flush=True)
        require_same_network(workers)
        rates: dict[str, list[float]] = {worker.contestant.name: [] for worker in workers}
        for _ in range(arguments.repetitions):
            for worker in workers:
                rates[worker.contestant.name].append(float(f"{race.per[0] * worker.repeat():.6g}"))
    finally:
        for worker in workers:
            worker.close()
    return {
        "title": race.title,
        "unit": f"{race.unit}/{race.per[1]}",
        "rates": rates,
        "versions": {worker.contestant.name: worker.about["versions"] for worker in workers},
        "absent": absent,
        "targets": [vars(target) for target in race.targets],
    }


def require_same_network(workers: Sequence[Worker]) -> None:
    """Raises ValueError if contestants would train networks of different sizes."""
    sizes = {worker.contestant.name: worker.about["parameters"] for worker in workers if worker.about["parameters"]}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the contestants' networks differ in their number of parameters: {sizes}")


def arguments_of(name: str, description: str | None, repetitions: int = 7) -> argparse.ArgumentParser:
    """The options that every comparison has."""
    parser = argparse.ArgumentParser(
        name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small repetitions, to see whether it runs")
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each contestant")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "bf16"], help="for all")
    parser.add_argument("--loader-workers", type=int, default=0, help="processes of the peers' data loaders")
    parser.add_argument("--peers-python", help="interpreter that has the peers  [default: an environment made here]")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for the JSON")
    return parser


def hold(
    name: str,
    races: Callable[[argparse.Namespace], Sequence[Race]],
    description: str | None,
    parser: argparse.ArgumentParser | None = None,
) -> None:
    """Run the races of the comparison `name`, print their tables, and write `results/NAME-DEVICE.json`."""
    arguments = (parser or arguments_of(name, description)).parse_args()
    entered = races(arguments)
    needs_peers = any(not contestant.ours for race in entered for contestant in race.contestants)
    peers = arguments.peers_python or (peers_python() if needs_peers else sys.executable)
    results = {
        "name": name,
        "device": arguments.device,
        "quick": arguments.quick,
        "repetitions": arguments.repetitions,
        "threads": arguments.threads,
        "precision": arguments.precision,
        "loader_workers": arguments.loader_workers,
        "machine": describe(),
        "races": [run_race(race, arguments, peers) for race in entered],
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"{name}-{arguments.device}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for race in results["races"]:
        print("\n".join(race_lines(race)))
    print(f"Written to {path}. For docs/performance.md: uv run python perf/render.py")
