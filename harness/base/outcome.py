"""How an attempt at a cell ended: the statuses, and how an exit code is translated into one."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from harness.base.errors import UsageError, nearest

Status = Literal["ok", "failed", "timeout", "oom", "killed", "interrupted"]
FAILURES: tuple[Status, ...] = ("failed", "timeout", "oom", "killed", "interrupted")
MESSAGE_CHARACTERS = 2000
CRASHES = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP")  # what compiled code dies of by itself
CRASHED = (
    "compiled code crashed: the log has the line of Python that called it; try another version of that library or, for "
    "a backbone, 'channels_last: false' where it has this option"
)
FATAL = "Fatal Python error: "  # how faulthandler begins
LAST_BYTES = 1 << 16  # of a log, in which its last words are: a crash's traceback is long


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a cell ended.

    Attributes:
        status: "ok"; "failed", it raised; "timeout" or "oom", it exceeded its time or memory; "killed", a signal ended
            it while its run was alive; "interrupted", its run was stopped or died.
        message: The error, in words.
        signal: The signal that ended its process, if one did.
        exit_code: The exit code, as a shell gives it.
    """

    status: Status
    message: str = ""
    signal: str | None = None
    exit_code: int = 0

    def as_json(self, attempt: Path) -> dict[str, Any]:
        """With the log that holds the traceback, relative to the results folder."""
        log = attempt.with_suffix(".log")
        return {**asdict(self), "message": self.message[:MESSAGE_CHARACTERS], "log": "/".join(log.parts[-4:])}


def by_exit(code: int, words: str = "", stage: str = "") -> Outcome:
    """The outcome of a process that left no record, from its exit code as `subprocess` or a shell gives it.

    `words` is the last line of its log; `stage` is what it did, such as "while training".
    """
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return Outcome("failed", ": ".join(filter(None, [f"exit code {code}", words])), None, code)
    if number == signal.SIGALRM:  # see supervisor.py
        return Outcome("timeout", "took longer than its timeout and did not react", name, 128 + number)
    return Outcome("killed", ": ".join(filter(None, [ended_by(name, stage), words])), name, 128 + number)


def ended_by(name: str, stage: str = "") -> str:
    """ "ended by SIGABRT while training", and what to do about a crash."""
    said = f"ended by {name} {stage}".strip()
    return f"{said} ({CRASHED})" if name in CRASHES else said


def last_words(log: Path) -> str:
    """The last line of a log before Python's own of a crash; "" without one."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = text.rpartition(FATAL)[0].strip().splitlines() if FATAL in text else text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def parse_retry(text: str) -> frozenset[Status]:
    """--retry failed,oom -> the statuses; "all" and "none" are short for all of them and for none."""
    if text == "all":
        return frozenset(FAILURES)
    if text == "none":
        return frozenset()
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in FAILURES:
            raise UsageError(f"--retry: there is no status '{name}'.{nearest(name, (*FAILURES, 'all', 'none'))}")
    return frozenset(_statuses(names))


def _statuses(names: Iterable[str]) -> Iterable[Status]:
    return (status for status in FAILURES if status in names)
