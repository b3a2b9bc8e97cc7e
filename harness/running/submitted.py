"""A job that was given to an executor, perhaps by an earlier run, and the attempts that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.plugins.executors import Job
from harness.running.job_command import CellCommand
from harness.store import lease
from harness.store.results_folder import Store


@dataclass(frozen=True)
class Submitted:
    """`attempt`: the job's first, of the run `run`; its engine may start it again, for further ones. `since`: the
    attempts from this number on count when it looks whether the cell has ended."""

    attempt: Path
    run: str
    since: int

    @classmethod
    def of(cls, job: Job, store: Store) -> Submitted:
        """What an adopted job's command says; where that was written, the results folder may have had another path."""
        command = CellCommand.from_args(job.command)
        attempt = store.cell(job.name).attempts / command.attempt.name
        return cls(attempt, command.run, command.first_counted)

    def held_attempt(self, store: Store, id_: str) -> Path | None:
        """The attempt for which the job, which has ended, still holds its cell: it did run, whatever its exit code."""
        seen = self._signs(store, id_)
        return store.cell(id_).attempt(int(lease.owner(seen.content)["attempt"])) if seen else None

    def release(self, store: Store, id_: str) -> None:
        """Release the cell that the ended job still holds; from another machine this would be noticed only after a
        while.
        """
        if seen := self._signs(store, id_):
            store.bury(id_, seen.content)

    def _signs(self, store: Store, id_: str) -> lease.Signs | None:
        """Of the lease that the job has; None if it has none."""
        seen = lease.signs(store.lease(id_))
        return seen if seen and lease.is_of(seen.content, self.run, int(self.attempt.stem)) else None
