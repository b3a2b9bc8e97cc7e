"""The contract of executors: a job is a command line of `harness`; its results travel by the store alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError


@dataclass(frozen=True)
class Job:
    """`name` is unique in a run; `command` are the arguments of `harness`, for example ("cell", plan, id).

    `after`: names of jobs, submitted before it, that must have ended when it begins, however they did. There are some
    only where `capabilities.detaches`, for `harness run --detach`: else a job is submitted once those have ended.
    """

    name: str
    command: tuple[str, ...]
    log: str  # file that takes standard output and error
    devices: int = 1  # that it uses at the same time
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """A job that is no longer there: its exit code, for a signal that ended it negative or 128 more."""

    name: str
    exit_code: int


@dataclass(frozen=True)
class Resources:
    """What `harness run` was told to use."""

    device: str  # "auto", "cpu", "cuda" or "cuda:N"
    workers: int | None  # jobs at a time; None: the executor decides
    modules: tuple[str, ...] = ()  # what the jobs will import, for an executor that can load it ahead
    folder: Path | None = None  # the results folder, where an executor may keep what a later run needs to `adopt`
    threads: int | None = None  # of a job, for each of its devices; None: the executor decides


@dataclass(frozen=True)
class Capabilities:
    """What an executor can do, as far as it knows before it is given a job."""

    devices: int | None = None  # the most that one job can have; None: not known
    gigabytes: float | None = None  # of memory, likewise
    seconds: float | None = (
        None  # after which its engine ends a job, or starts it again; None: it does not, or not known
    )
    detaches: bool = False  # its jobs live on when `harness run` ends
    shared_files: bool = True  # its jobs see the results folder
    threads: bool = False  # it gives jobs as many threads as `Resources` says; others have an option of their own


class Executor:
    """Runs jobs somewhere, a process each, so that one job's death hurts no other.

    `running`: the jobs that have been started and have not ended, by name; what they map to is the executor's own.
    `capacity`: how many jobs it wants to have at a time, None for all at once. Where several runs share the work, what
    has not been submitted is free for the others. `capabilities` may depend on the options: set it in `__init__`, then.
    """

    capabilities: Capabilities = Capabilities()
    running: Mapping[str, Any]
    capacity: int | None = None

    def __init__(self, config: Any, resources: Resources) -> None:
        self.config = config
        self.resources = resources
        self.running = {}

    def submit(self, job: Job) -> None:
        """Accept a job; it may wait."""
        raise NotImplementedError

    def adopt(self, cells: Collection[str]) -> Collection[Job]:  # noqa: ARG002 (none is there)
        """Take over the jobs with these names that an earlier run submitted for this results folder and that have not
        ended, as they were submitted. From then on they are in `running`, once they run, and `poll` reports their
        ends, also one between the two runs; all others are not this run's to cancel. Called once, before the first
        `submit`.
        """
        return ()

    def detach(self) -> None:
        """Leave all jobs to themselves; a later run may `adopt` them. Called instead of `cancel` and `close`.

        Raises UsageError where the jobs cannot live on.
        """
        raise UsageError("--detach: the jobs of this executor end with the command that submitted them.")

    def poll(self, timeout: float) -> list[Ended]:
        """Jobs that have ended since the last call; waits up to `timeout` seconds for one."""
        raise NotImplementedError

    def cancel(self) -> None:
        """End all jobs, waiting, running and adopted: SIGTERM, and some ten seconds to save their state and say so."""
        raise NotImplementedError

    def kill(self) -> None:
        """End all jobs at once."""
        self.cancel()

    def close(self) -> None:
        """Give back what the executor holds."""
        raise NotImplementedError
