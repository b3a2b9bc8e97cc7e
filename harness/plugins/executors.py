"""The contract of executors: a job is a command line of `harness`, and its results are files in the results folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError


@dataclass(frozen=True)
class Job:
    """A job to run.

    Attributes:
        name: Name of the job, unique in a run.
        command: Arguments of the command `harness`, for example ("cell", plan, id).
        log: File that standard output and error are appended to.
        devices: Number of devices that the job uses at the same time.
        after: Names of jobs, submitted before, that must have ended before this one begins, whether they succeeded or
            not. It is empty unless `Capabilities.detaches`.
    """

    name: str
    command: tuple[str, ...]
    log: str  # file that takes standard output and error
    devices: int = 1  # that it uses at the same time
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """A job that has ended.

    Attributes:
        name: Name of the job.
        exit_code: Its exit code. For a job that a signal ended, the number of the signal, negative or plus 128.
    """

    name: str
    exit_code: int


@dataclass(frozen=True)
class Resources:
    """What `harness run` was told to use.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: Number of jobs at a time; None if the executor decides.
        modules: Modules that the jobs will import, for an executor that can load them in advance.
        folder: The results folder, where an executor may store what a later run needs to `adopt` its jobs.
        threads: Number of threads of a job, for each of its devices; None if the executor decides.
    """

    device: str  # "auto", "cpu", "cuda" or "cuda:N"
    workers: int | None  # jobs at a time; None: the executor decides
    modules: tuple[str, ...] = ()  # what the jobs will import, for an executor that can load it ahead
    folder: Path | None = None  # the results folder, where an executor may keep what a later run needs to `adopt`
    threads: int | None = None  # of a job, for each of its devices; None: the executor decides


@dataclass(frozen=True)
class Capabilities:
    """What an executor can do, as far as this is known before it receives a job.

    Attributes:
        devices: The most devices that one job can have; None if unknown.
        gigabytes: The most memory that one job can have, in GB; None if unknown.
        seconds: Time after which the engine ends or restarts a job; None if it does not, or if this is unknown.
        detaches: Whether jobs continue when `harness run` ends.
        shared_files: Whether jobs see the results folder.
        threads: Whether jobs get the number of threads in `Resources.threads`. Other executors have an option for it.
    """

    devices: int | None = None  # the most that one job can have; None: not known
    gigabytes: float | None = None  # of memory, likewise
    seconds: float | None = (
        None  # after which its engine ends a job, or starts it again; None: it does not, or not known
    )
    detaches: bool = False  # its jobs live on when `harness run` ends
    shared_files: bool = True  # its jobs see the results folder
    threads: bool = False  # it gives jobs as many threads as `Resources` says; others have an option of their own


class Executor:
    """Base class of executors: runs each job in a process of its own, so that a job that dies does not affect others.

    Args:
        config: An instance of the `Config` dataclass that was registered with the executor.
        resources: What `harness run` was told to use.

    Attributes:
        capabilities: What the executor can do. Set it in `__init__` if it depends on the options.
        running: The jobs that have started and not ended, by name. The values are the executor's own.
        capacity: How many jobs the executor wants to have at a time; None for all at once. Other runs on the same
            results folder can take what has not been submitted.
    """

    capabilities: Capabilities = Capabilities()
    running: Mapping[str, Any]
    capacity: int | None = None

    def __init__(self, config: Any, resources: Resources) -> None:
        self.config = config
        self.resources = resources
        self.running = {}

    def submit(self, job: Job) -> None:
        """Accept a job, which may wait before it starts.

        Args:
            job: The job.
        """
        raise NotImplementedError

    def adopt(self, cells: Collection[str]) -> Collection[Job]:  # noqa: ARG002 (none is there)
        """Take over unfinished jobs that an earlier run submitted for this results folder. By default there are none.

        It is called once, before the first `submit`. Adopted jobs appear in `running` once they run, and `poll` reports
        their end, even if it came between the two runs. Jobs of other cells must not be cancelled.

        Args:
            cells: Names of jobs to look for.

        Returns:
            The jobs that were found, as they were submitted.
        """
        return ()

    def detach(self) -> None:
        """Leave all jobs running, for a later run to `adopt`. It is called instead of `cancel` and `close`.

        Raises:
            UsageError: Jobs end with the command that submitted them.
        """
        raise UsageError("--detach: the jobs of this executor end with the command that submitted them.")

    def poll(self, timeout: float) -> list[Ended]:
        """Wait for jobs to end.

        Args:
            timeout: The most seconds to wait.

        Returns:
            The jobs that have ended since the last call; each is reported once.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """End all jobs: waiting, running and adopted ones. Send SIGTERM, and give them about ten seconds to save their
        state.
        """
        raise NotImplementedError

    def kill(self) -> None:
        """End all jobs immediately. By default `cancel`."""
        self.cancel()

    def close(self) -> None:
        """Release what the executor holds."""
        raise NotImplementedError
