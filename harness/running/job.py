"""Runs a job in the process that an executor has started for it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.checkpoint_interval import Interval
from harness.base.errors import UsageError
from harness.running.allocator import use_huge_pages
from harness.running.job_command import CellCommand, PrepareCommand, read_job

if TYPE_CHECKING:
    from harness.base.outcome import Outcome
    from harness.store.lease import Lease
    from harness.store.results_folder import Store

NOT_RUN = 75  # exit code of a job whose cell another process runs or has run (EX_TEMPFAIL of sysexits.h)
WAIT_SECONDS = 0.5  # between two looks at an earlier life of the same job


def run_job(arguments: Sequence[str]) -> int:
    """Run one job in this process, as the command `harness` would.

    Args:
        arguments: The arguments of the command, `Job.command`.

    Returns:
        The exit code.
    """
    command = read_job(arguments)
    use_huge_pages()
    try:
        return _cell(command) if isinstance(command, CellCommand) else _prepare(command)
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2


def _prepare(command: PrepareCommand) -> int:
    from harness.running.supervisor import supervise

    def work() -> Outcome:
        from harness.running.prepare import prepare  # imports torch

        return prepare(command.plan, command.found)

    return supervise(work).exit_code


def _cell(command: CellCommand) -> int:
    """Run a cell, unless another process is running it or has run it since this job was planned."""
    from harness.base.atomic_files import write_json  # all this takes time to import, which `harness --help` must not
    from harness.plugins.registry import registry
    from harness.running.supervisor import Limits, supervise
    from harness.store.results_folder import Store
    from harness.suite.planfile import PlanFile

    plan = PlanFile(command.plan, registry())
    cell = plan.cell(command.id)
    store = Store.of_plan(command.plan)
    folder = store.cell(command.id)
    every = Interval.parse(command.checkpoint_every)

    def work() -> Outcome:
        import torch

        from harness.running.cell_job import CellJob
        from harness.running.run_cell import run_cell

        device = torch.device("cpu" if command.device is None else command.device)
        threads = 1 if command.threads is None else command.threads
        return run_cell(CellJob(plan, cell, folder, device, threads, command.profile, every))

    taken = _take(store, command)
    if taken is None:
        return NOT_RUN
    mine, attempt = taken

    def conclude(outcome: Outcome) -> None:
        write_json(attempt, outcome.as_json(attempt))
        mine.release()

    try:
        if attempt.exists() or store.ended_since(cell, command.first_counted, plan.evaluators_of(cell)):
            return NOT_RUN
        store.copies.changing(command.id)
        if attempt != command.attempt:  # what it prints goes where it went before
            with suppress(OSError):  # a file system without links
                os.link(command.attempt.with_suffix(".log"), attempt.with_suffix(".log"))
        folder.sweep(foreign=True)
        return supervise(work, Limits(command.timeout, command.memory), mine.beat, conclude).exit_code
    finally:
        mine.release()


def _take(store: Store, command: CellCommand) -> tuple[Lease, Path] | None:
    """The lease of the cell and the file of this attempt; None if another job has the cell.

    An engine may start a job again with the same command line. Then the first attempt was interrupted and this is a
    further one; if the first attempt's lease still exists, wait until its owner is dead and record that.
    """
    from harness.store import lease

    path, watch, first = store.lease(command.id), lease.Watch(command.run), command.number
    while True:
        attempt = store.cell(command.id).next_attempt() if command.attempt.exists() else command.attempt
        if mine := lease.claim(path, command.run, attempt.stem):
            return mine, attempt
        seen = lease.signs(path)
        if seen and not lease.is_of(seen.content, command.run, first):
            return None
        if seen and watch.is_dead(path, seen):
            store.bury(command.id, seen.content, "its process died, and the job was started again")
        elif seen:
            time.sleep(WAIT_SECONDS)
