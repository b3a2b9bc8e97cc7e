"""Handles SIGTERM and SIGINT in a job: stop at once, or in a training after the current step, to save its state."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """The job was told to stop. Like KeyboardInterrupt no Exception, so that nothing takes it for a failure."""


class _Stop:
    asked = False
    postponed = False


def listen() -> int:
    """Let the first SIGTERM or SIGINT raise Interrupted in this process from now on. A pipe of their numbers, which
    tells of them while foreign code runs, too."""
    numbers, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _handle)
    os.register_at_fork(after_in_child=_forget)
    return numbers


def _forget() -> None:
    """Reset signal handling in processes that the job starts: signals for them are not for the job."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def ignore() -> None:
    """Ignore further signals: the job is over."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _handle(_number: int, _frame: FrameType | None) -> None:
    if _Stop.asked:
        return
    _Stop.asked = True
    if not _Stop.postponed:
        raise Interrupted


@contextmanager
def delay_stop() -> Iterator[None]:
    """Inside this context nothing is raised; the code inside must look at `stop_requested()` regularly."""
    _Stop.postponed = True
    try:
        yield
    finally:
        _Stop.postponed = False
    if _Stop.asked:
        raise Interrupted


def stop_requested() -> bool:
    """Whether the job was told to stop."""
    return _Stop.asked
