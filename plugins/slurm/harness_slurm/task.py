"""Runs the command of a cell on a node, in a process of its own, and handles SLURM's signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from submitit.core.utils import DelayedSubmission
from submitit.slurm.slurm import SlurmJobEnvironment

from harness.executor import GRACE_SECONDS
from harness_slurm.submissions import begin, end


@dataclass(frozen=True)
class Task:
    """A job's command line; submitit calls it on the node, and `checkpoint` when SLURM warns of the time limit.

    SLURM itself sends SIGTERM, when it cancels or preempts a job and when a node is drained, to all processes of the
    job. So does `checkpoint`, and submitit then puts the job back into the queue.
    """

    command: tuple[str, ...]
    log: str
    folder: str

    def __call__(self) -> int:
        Path(self.log).parent.mkdir(parents=True, exist_ok=True)
        identity = SlurmJobEnvironment().job_id
        begin(Path(self.folder), identity)
        with Path(self.log).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "harness", *self.command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        _child.append(process.pid)
        signal.signal(signal.SIGTERM, _pass_on)  # some clusters signal this process alone
        code = process.wait()
        end(Path(self.folder), identity, code)
        return code

    def checkpoint(self) -> DelayedSubmission:
        """End the cell, which saves its state; the same task is what goes on later."""
        for pid in _child:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 2 * GRACE_SECONDS
            # not through Popen: its wait, which this has interrupted, holds its lock
            while not _has_ended(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        return DelayedSubmission(self)


_child: list[int] = []  # not a field, which would travel with the task


def _has_ended(pid: int) -> bool:
    """Whether this child has ended; its exit code stays there for its waiter."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # who waits for it has taken it
        return True


def _pass_on(number: int, _frame: FrameType | None) -> None:
    for pid in _child:
        if not _has_ended(pid):
            os.kill(pid, number)
