"""The contract of executors: a job is a command line of `harness`; its results travel by the store alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """`name` is unique in a run; `command` are the arguments of `harness`, for example ("cell", plan, id)."""

    name: str
    command: tuple[str, ...]
    log: str  # file that takes standard output and error
    devices: int = 1  # that it uses at the same time


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


class Executor:
    """Runs jobs somewhere, a process each, so that one job's death hurts no other.

    `running`: the jobs that have been started and have not ended, by name; what they map to is the executor's own.
    `capacity`: how many jobs it wants to have at a time, None for all at once. Where several runs share the work, what
    has not been submitted is free for the others.
    """

    running: Mapping[str, Any]
    capacity: int | None = None

    def __init__(self, config: Any, resources: Resources) -> None:
        self.config = config
        self.resources = resources
        self.running = {}

    def submit(self, job: Job) -> None:
        """Accept a job; it may wait."""
        raise NotImplementedError

    def poll(self, timeout: float) -> list[Ended]:
        """Jobs that have ended since the last call; waits up to `timeout` seconds for one."""
        raise NotImplementedError

    def cancel(self) -> None:
        """End all jobs, waiting and running: SIGTERM, and some ten seconds to save their state and say so."""
        raise NotImplementedError

    def kill(self) -> None:
        """End all jobs at once."""
        self.cancel()

    def close(self) -> None:
        """Give back what the executor holds."""
        raise NotImplementedError
