"""The command line of a job, as every executor runs it: `harness cell PLAN ID` or `harness prepare PLAN`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.checkpoint_interval import DEFAULT, Interval
from harness.base.errors import UsageError
from harness.running.allocator import use_huge_pages

if TYPE_CHECKING:
    from harness.base.outcome import Outcome
    from harness.store.lease import Lease
    from harness.store.results_folder import Store

PREPARE = "prepare"
CELL = "cell"
NOT_RUN = 75  # exit code of a job whose cell another process runs or has run (EX_TEMPFAIL of sysexits.h)
WAIT_SECONDS = 0.5  # between two looks at an earlier life of the same job


def run_job(arguments: Sequence[str]) -> int:
    """Run one job in this process, as the command `harness` would with these arguments; its exit code."""
    given = read(arguments)
    use_huge_pages()
    try:
        return _prepare(given) if given.job == PREPARE else _cell(given)
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line of a job. Leaves with exit code 2 if it is none."""
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    for name in (PREPARE, CELL):
        job = jobs.add_parser(name)
        job.add_argument("plan", type=Path)
        if name == PREPARE:
            job.add_argument("--found", type=Path)
        else:
            job.add_argument("id")
            job.add_argument("--attempt", type=Path, required=True)
            job.add_argument("--since", type=int)
            job.add_argument("--run", default="")
            job.add_argument("--timeout", type=float)
            job.add_argument("--memory", type=float)
            job.add_argument("--profile", action="store_true")
            job.add_argument("--checkpoint-every", type=Interval.parse, default=Interval.parse(DEFAULT))
        job.add_argument("--device", default="cpu")
        job.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def _prepare(given: argparse.Namespace) -> int:
    from harness.running.supervisor import supervise

    def work() -> Outcome:
        from harness.running.prepare import prepare  # imports torch

        return prepare(given.plan, given.found)

    return supervise(work).exit_code


def _cell(given: argparse.Namespace) -> int:
    """Run a cell that nobody runs or has run since this job was planned."""
    from harness.base.atomic_files import write_json  # all this takes time to import, which `harness --help` must not
    from harness.plugins.registry import registry
    from harness.running.supervisor import Limits, supervise
    from harness.store.results_folder import Store
    from harness.suite.planfile import PlanFile

    plan = PlanFile(given.plan, registry())
    cell = plan.cell(given.id)
    store = Store(given.plan.parent.parent)
    folder = store.cell(given.id)

    def work() -> Outcome:
        from harness.running.run_cell import run_cell  # imports torch

        every = given.checkpoint_every
        return run_cell(plan, cell, folder, given.device, given.threads, profile=given.profile, every=every)

    taken = _take(store, given)
    if taken is None:
        return NOT_RUN
    mine, attempt = taken

    def conclude(outcome: Outcome) -> None:
        write_json(attempt, outcome.as_json(attempt))
        mine.release()

    try:
        since = given.since or int(given.attempt.stem)
        if attempt.exists() or store.ended_since(cell, since, plan.evaluators_of(cell)):
            return NOT_RUN
        store.copies.changing(given.id)
        if attempt != given.attempt:  # what it prints goes where it went before
            with suppress(OSError):  # a file system without links
                os.link(given.attempt.with_suffix(".log"), attempt.with_suffix(".log"))
        folder.sweep(foreign=True)
        return supervise(work, Limits(given.timeout, given.memory), mine.beat, conclude).exit_code
    finally:
        mine.release()


def _take(store: Store, given: argparse.Namespace) -> tuple[Lease, Path] | None:
    """The cell and its attempt; None if another job has it.

    An engine may start a job again with the same command line: then the first life's attempt has been interrupted and
    this is a further one, or its lease is still there. That is waited for until its owner is dead, and buried.
    """
    from harness.store import lease

    path, watch, first = store.lease(given.id), lease.Watch(given.run), int(given.attempt.stem)
    while True:
        attempt = store.cell(given.id).next_attempt() if given.attempt.exists() else given.attempt
        if mine := lease.claim(path, given.run, attempt.stem):
            return mine, attempt
        seen = lease.signs(path)
        if seen and not lease.is_of(seen[0], given.run, first):
            return None
        if seen and watch.is_dead(path, seen):
            store.bury(given.id, seen[0], "its process died, and the job was started again")
        elif seen:
            time.sleep(WAIT_SECONDS)
