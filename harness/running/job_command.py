"""The command line of a job, which every executor runs: `harness cell PLAN ID` or `harness prepare PLAN`."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from harness.base.checkpoint_interval import DEFAULT

PREPARE = "prepare"
CELL = "cell"


@dataclass(frozen=True, kw_only=True)
class JobCommand(ABC):
    """Arguments of both kinds of jobs. `device` and `threads` are None until the executor has added them."""

    name: ClassVar[str]
    plan: Path
    device: str | None = None
    threads: int | None = None

    @classmethod
    def from_args(cls, arguments: Sequence[str]) -> Self:
        """Parse the arguments of `harness`. Leaves with exit code 2 if they are not a command of this kind."""
        return cls(**_parse(arguments, cls)[1])

    def to_args(self) -> tuple[str, ...]:
        """The arguments of `harness`."""
        place = _options(device=self.device, threads=self.threads)
        return (self.name, str(self.plan), *self._own_args(), *place)

    @classmethod
    @abstractmethod
    def _declare(cls, parser: argparse.ArgumentParser) -> None:
        """Say what this kind of job is told besides."""

    @abstractmethod
    def _own_args(self) -> Iterator[str]:
        """The same, as arguments."""


@dataclass(frozen=True, kw_only=True)
class PrepareCommand(JobCommand):
    """`found`: the file for what preparing finds; None: the one that the results folder has for the plan."""

    name = PREPARE
    found: Path | None = None

    @classmethod
    def _declare(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--found", type=Path)

    def _own_args(self) -> Iterator[str]:
        yield from _options(found=self.found)


@dataclass(frozen=True, kw_only=True)
class CellCommand(JobCommand):
    """`attempt`: the file for how the job ended, of the run `run`. `since`: the cell has ended if an attempt from this
    number on has; None: from this attempt's. `timeout` in seconds, `memory` in gigabytes; None: as much as there is."""

    name = CELL
    id: str
    attempt: Path
    since: int | None = None
    run: str = ""
    timeout: float | None = None
    memory: float | None = None
    checkpoint_every: str = DEFAULT
    profile: bool = False

    @classmethod
    def _declare(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("id")
        parser.add_argument("--attempt", type=Path, required=True)
        parser.add_argument("--since", type=int)
        parser.add_argument("--run", default="")
        parser.add_argument("--timeout", type=float)
        parser.add_argument("--memory", type=float)
        parser.add_argument("--checkpoint-every", default=DEFAULT)
        parser.add_argument("--profile", action="store_true")

    def _own_args(self) -> Iterator[str]:
        yield self.id
        yield from _options(attempt=self.attempt, since=self.since, run=self.run, timeout=self.timeout)
        yield from _options(memory=self.memory, checkpoint_every=self.checkpoint_every, profile=self.profile)

    @property
    def number(self) -> int:
        """Of the attempt that the job makes first."""
        return int(self.attempt.stem)

    @property
    def first_counted(self) -> int:
        """The number from which on attempts count when the job looks whether its cell has ended."""
        return self.since or self.number


def read_job(arguments: Sequence[str]) -> PrepareCommand | CellCommand:
    """The command that these arguments of `harness` are, of either kind. Leaves with exit code 2 if they are none."""
    name, values = _parse(arguments, PrepareCommand, CellCommand)
    return PrepareCommand(**values) if name == PREPARE else CellCommand(**values)


def _parse(arguments: Sequence[str], *kinds: type[JobCommand]) -> tuple[str, dict[str, Any]]:
    """The name of the kind of job, and the fields of its command."""
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    for kind in kinds:
        job = jobs.add_parser(kind.name)
        job.add_argument("plan", type=Path)
        kind._declare(job)
        job.add_argument("--device")
        job.add_argument("--threads", type=int)
    values = vars(parser.parse_args(arguments))
    return values.pop("job"), values


def _options(**values: Any) -> Iterator[str]:
    """Options as they are written; what is None or False is left out."""
    for name, value in values.items():
        if value is not None and value is not False:
            yield f"--{name.replace('_', '-')}"
            if value is not True:
                yield str(value)
