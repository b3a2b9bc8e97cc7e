"""The conformance checks of an executor. Its jobs must run on this machine."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.plugins.executors import Executor, Job, Resources
from harness.running.job_command import CELL
from harness.suite.cell import Component
from harness.testing import declared
from harness.testing.declared import component
from harness.testing.held import PATIENCE, HeldJob
from harness.testing.report import Fault, conform

WAIT_SECONDS = 20.0  # for a job that need not wait


def check_executor(name: str, /, **options: Any) -> None:
    """Check a registered executor: run short jobs with two workers, kill one, and cancel others.

    Args:
        name: Registered name of the executor.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    subject = ExecutorSubject(component("executor", name, options))
    conform(f"executor '{name}'", subject, CHECKS, NEEDED)


@dataclass(frozen=True)
class ExecutorSubject:
    """A registered executor with its options."""

    component: Component

    @contextmanager
    def started(self) -> Iterator[tuple[Executor, Path]]:
        """An executor of its own, and a folder for what its jobs read and write."""
        with tempfile.TemporaryDirectory(prefix="harness-jobs-") as folder:
            executor = self.make(Path(folder))
            try:
                yield executor, Path(folder)
            finally:
                executor.kill()
                executor.close()

    def make(self, folder: Path) -> Executor:
        """An executor for what would be this results folder."""
        executor: Executor = self.component.spec.load()(self.component.config, Resources("cpu", 2, folder=folder))
        return executor


def trivial(folder: Path, name: str = "trivial") -> Job:
    """A job that says how it is used, and ends with 0."""
    return Job(name, (CELL, "--help"), str(folder / f"{name}.log"))


def finish(executor: Executor, *names: str) -> dict[str, int]:
    """Poll until these jobs have ended: their exit codes. Raises Fault if one never does."""
    codes: dict[str, int] = {}
    deadline = time.monotonic() + PATIENCE
    while not set(names) <= set(codes):
        if time.monotonic() > deadline:
            missing = min(set(names) - set(codes))
            raise Fault(f"the job '{missing}' has not been reported in {PATIENCE:g} s", "give an Ended for each, once")
        codes |= {ended.name: ended.exit_code for ended in executor.poll(0.2)}
    return codes


def begin(executor: Executor, job: HeldJob) -> None:
    """Submit a held job and wait until it runs. Raises Fault if it never does, or is reported as ended."""
    executor.submit(job.job)
    deadline = time.monotonic() + PATIENCE
    while not job.runs():
        if any(ended.name == job.job.name for ended in executor.poll(0.1)) or time.monotonic() > deadline:
            raise Fault("a job that reads a file for long is reported as ended, or never begins", "run its whole life")


def jobs_run_and_write_their_logs(subject: ExecutorSubject) -> None:
    """`harness COMMAND` is run; its output is in the log; it ends with 0."""
    with subject.started() as (executor, folder):
        executor.submit(job := trivial(folder))
        code = finish(executor, job.name)[job.name]
        log = Path(job.log).read_text() if Path(job.log).exists() else ""
    if code or "usage: harness" not in log:
        raise Fault(
            f"`harness {' '.join(job.command)}` ends with {code}, its log has {log[-80:]!r}",
            "run `harness` with job.command, standard output and error appended to job.log",
        )


def exit_codes_are_reported(subject: ExecutorSubject) -> None:
    """A job that ends with 2 is reported with 2."""
    with subject.started() as (executor, folder):
        executor.submit(Job("wrong", (CELL, str(folder / "none"), "id", "--attempt", "1"), str(folder / "wrong.log")))
        code = finish(executor, "wrong")["wrong"]
    if code != 2:
        raise Fault(f"a job that ends with 2 is reported with {code}", "give Ended the exit code of its process")


def running_names_what_runs(subject: ExecutorSubject) -> None:
    """A job is in `running` from its start until `poll` reports its end."""
    with subject.started() as (executor, folder), HeldJob(folder, "held") as held:
        begin(executor, held)
        if "held" not in executor.running:
            raise Fault("a job that runs is not in `running`", "keep it there by its name, from its start")
        held.release()
        finish(executor, "held")
        if "held" in executor.running:
            raise Fault("a job that has been reported as ended is still in `running`", "take it out when it ends")


def a_killed_job_hurts_no_other(subject: ExecutorSubject) -> None:
    """A killed job is reported as such (its signal negative, or 128 more), and further jobs run."""
    with subject.started() as (executor, folder), HeldJob(folder, "killed") as held:
        begin(executor, held)
        pid = held.pid()
        if pid is None:
            raise Fault("a job runs in the process of the executor", "start a process for each job")
        os.kill(pid, signal.SIGKILL)
        code = finish(executor, "killed")["killed"]
        if code not in (-signal.SIGKILL, 128 + signal.SIGKILL):
            raise Fault(f"a job that SIGKILL ended is reported with {code}", "report -9 or 137 for it")
        executor.submit(trivial(folder))
        if code := finish(executor, "trivial")["trivial"]:
            raise Fault(f"after a job was killed, the next one ends with {code}", "keep nothing that a job can break")


def cancel_ends_all_jobs(subject: ExecutorSubject) -> None:
    """`cancel` ends the running jobs before it returns and forgets the waiting ones."""
    with subject.started() as (executor, folder), HeldJob(folder, "one") as one, HeldJob(folder, "two") as two:
        begin(executor, one)
        begin(executor, two)
        with HeldJob(folder, "three") as three:
            executor.submit(three.job)
            executor.cancel()
            if left := [held.job.name for held in (one, two) if held.lives()]:
                raise Fault(f"{len(left)} of 2 running jobs outlive `cancel`", "end and await them before it returns")
            executor.poll(0.2)
            if three.runs():
                raise Fault("a waiting job starts after `cancel`", "forget the waiting jobs")


def leave(subject: ExecutorSubject, folder: Path, held: HeldJob) -> None:
    """Begin a held job on an executor and detach from it; nothing of it is called afterwards."""
    executor = subject.make(folder)
    try:
        begin(executor, held)
    except BaseException:
        executor.kill()
        executor.close()
        raise
    executor.detach()


def detached_jobs_are_adopted(subject: ExecutorSubject) -> None:
    """Where `capabilities` say that jobs live on, another executor of that folder finds and reports those that `detach`
    left; where not, `detach` refuses."""
    with subject.started() as (executor, folder), HeldJob(folder, "left") as held:
        if not executor.capabilities.detaches:
            with suppress(UsageError):
                executor.detach()
                raise Fault("`detach` leaves jobs, but `capabilities` say that none live on", "let it raise UsageError")
            return
        leave(subject, folder, held)
        later = subject.make(folder)
        try:
            if later.adopt(["another"]):
                raise Fault("`adopt` gives a job that it was not asked for", "leave the jobs of other cells alone")
            found = [(job.name, tuple(job.command)) for job in later.adopt([held.job.name])]
            if found != [(held.job.name, held.job.command)]:
                raise Fault("a job that was left is not what `adopt` gives", "write jobs down in `resources.folder`")
            held.release()
            if (code := finish(later, "left")["left"]) != 2:
                raise Fault(f"an adopted job that ends with 2 is reported with {code}", "keep its exit code for `poll`")
        finally:
            later.kill()
            later.close()


def jobs_wait_for_others(subject: ExecutorSubject) -> None:
    """Where jobs live on, one that comes `after` another begins when that has ended, and not before."""
    with subject.started() as (executor, folder), HeldJob(folder, "first") as first:
        if not executor.capabilities.detaches:
            return
        begin(executor, first)
        executor.submit(replace(trivial(folder, "later"), after=("first",)))
        executor.submit(trivial(folder, "free"))
        ended: set[str] = set()
        deadline = time.monotonic() + WAIT_SECONDS
        while not ended and time.monotonic() < deadline:  # one that takes jobs in their order holds the last one back
            ended |= {each.name for each in executor.poll(0.2)}
        if "later" in ended:
            raise Fault("a job begins while one that it comes `after` still runs", "let it wait for those of job.after")
        first.release()
        finish(executor, *({"first", "later", "free"} - ended))


NEEDED = (jobs_run_and_write_their_logs,)
CHECKS = (
    *declared.EVERY,
    exit_codes_are_reported,
    running_names_what_runs,
    a_killed_job_hurts_no_other,
    cancel_ends_all_jobs,
    detached_jobs_are_adopted,
    jobs_wait_for_others,
)
