"""SLURM's own commands. There may be no accounting (`sacct`), so the queue alone is asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterable

from harness import UsageError

OVER = frozenset(("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"))
"""States in which a job stays. A preempted one or one that lost its node is on its way back into the queue."""

HELD = "launch failed requeued held"
NEVER = frozenset(("BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionNodeLimit", "PartitionTimeLimit", HELD))
"""Reasons of a job that waits, and would for ever: by default, SLURM accepts what its partition does not allow."""

SECONDS = 60  # for a command; a busy controller takes its time


def need() -> None:
    """Raises UsageError where there is no SLURM."""
    for name in ("sbatch", "squeue", "scancel"):
        if shutil.which(name) is None:
            raise UsageError(f"executor slurm: there is no `{name}` on this machine. Run where jobs can be submitted.")


def states(names: Collection[str], own: Collection[str] = ()) -> dict[str, str] | None:
    """All of this user's jobs with these names and their states, in one call; None if the controller does not
    answer. Raises UsageError with SLURM's reason where one of our `own` could never begin.

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
    for identity, state, reason in listed:
        if identity in own and state == "PENDING" and reason in NEVER:
            raise UsageError(f"executor slurm: SLURM would never begin the job {identity}: {reason}.")
    return {identity: state for identity, state, _ in listed}


def cancel(identities: Iterable[str], *options: str) -> None:
    """Ends jobs: those that wait at once, those that run by SIGTERM and, after KillWait, SIGKILL."""
    arguments = sorted(identities)
    for first in range(0, len(arguments), 1000):
        command = ["scancel", "--quiet", *options, *arguments[first : first + 1000]]
        subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
