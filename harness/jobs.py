"""The command line of a job, as every executor runs it: `harness cell PLAN ID` or `harness prepare PLAN`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.interval import DEFAULT, Interval
from harness.memory import use_huge_pages

if TYPE_CHECKING:
    from harness.outcome import Outcome

PREPARE = "prepare"
CELL = "cell"
NOT_RUN = 75  # exit code of a job whose cell another process runs or has run (EX_TEMPFAIL of sysexits.h)


def run_job(arguments: Sequence[str]) -> int:
    """Run one job in this process, as the command `harness` would with these arguments; its exit code."""
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
    given = parser.parse_args(arguments)
    use_huge_pages()
    try:
        return _prepare(given) if given.job == PREPARE else _cell(given)
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2


def _prepare(given: argparse.Namespace) -> int:
    from harness.supervisor import supervise

    def work() -> Outcome:
        from harness.cell import prepare  # imports torch

        return prepare(given.plan, given.found)

    return supervise(work).exit_code


def _cell(given: argparse.Namespace) -> int:
    """Run a cell that nobody runs or has run since this job was planned."""
    from harness import lease  # all this takes time to import, which `harness --help` must not
    from harness.files import write_json
    from harness.planfile import PlanFile
    from harness.registry import registry
    from harness.store import Store
    from harness.supervisor import Limits, supervise

    plan = PlanFile(given.plan, registry())
    cell = plan.cell(given.id)
    store = Store(given.plan.parent.parent)
    folder = store.cell(given.id)

    def work() -> Outcome:
        from harness.cell import run_cell  # imports torch

        every = given.checkpoint_every
        return run_cell(plan, cell, folder, given.device, given.threads, profile=given.profile, every=every)

    mine = lease.claim(store.lease(given.id), given.run, given.attempt.stem)
    if mine is None:
        return NOT_RUN

    def conclude(outcome: Outcome) -> None:
        write_json(given.attempt, outcome.as_json(given.attempt))
        mine.release()

    try:
        since = given.since or int(given.attempt.stem)
        if given.attempt.exists() or folder.ended_since(since, plan.evaluators_of(cell)):
            return NOT_RUN
        store.copies.changing(given.id)
        folder.sweep(foreign=True)
        return supervise(work, Limits(given.timeout, given.memory), mine.beat, conclude).exit_code
    finally:
        mine.release()
