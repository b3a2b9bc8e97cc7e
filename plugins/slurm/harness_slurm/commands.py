"""Calls SLURM's commands. As there may be no accounting (`sacct`), only the queue is asked."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Collection, Iterable

from harness import UsageError

OVER = frozenset(("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"))
"""States in which a job stays. A preempted one or one that lost its node is on its way back into the queue."""

HELD = "launch failed requeued held"
NEVER = frozenset(("BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionTimeLimit", HELD))
"""Reasons of a job that waits, and would for ever: by default, SLURM accepts what its partition does not allow."""

SECONDS = 60  # for a command; a busy controller takes its time


def need() -> None:
    """Raises UsageError where there is no SLURM."""
    for name in ("sbatch", "squeue", "scancel"):
        if shutil.which(name) is None:
            raise UsageError(
                f"executor slurm: there is no `{name}` on this machine. Run it on a machine that can submit jobs."
            )


def states(names: Collection[str]) -> dict[str, tuple[str, str]] | None:
    """The states of all of this user's jobs with these names, and SLURM's reasons, in one call; None if the controller
    does not answer.

    SLURM forgets what has ended after a while (MinJobAge, five minutes by default).
    """
    command = [
        "squeue",
        "--me",
        f"--name={','.join(sorted(names))}",
        "--states=all",
        "--array",
        "--noheader",
        "--format=%i|%T|%r",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        return None
    listed = [line.strip().split("|", 2) for line in done.stdout.splitlines()]
    return {identity: (state, reason) for identity, state, reason in listed}


def cancel(identities: Iterable[str], *options: str) -> None:
    """Ends jobs: those that wait at once, those that run by SIGTERM and, after KillWait, SIGKILL."""
    arguments = sorted(identities)
    for first in range(0, len(arguments), 1000):
        command = ["scancel", "--quiet", *options, *arguments[first : first + 1000]]
        with contextlib.suppress(subprocess.TimeoutExpired):  # a busy controller; the others must end all the same
            subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
