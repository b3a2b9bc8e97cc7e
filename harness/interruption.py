"""A job that is told to stop: at once, or in a training after the step that it is at, whose state is then saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The job was told to stop. Like KeyboardInterrupt no Exception, so that nothing takes it for a failure."""


class _Stop:
    asked = False
    postponed = False


def listen() -> None:
    """Let SIGTERM raise Interrupted in this process from now on."""
    signal.signal(signal.SIGTERM, _handle)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the whole foreground; its own supervisor is told, too


def _handle(_number: int, _frame: FrameType | None) -> None:
    _Stop.asked = True
    if not _Stop.postponed:
        raise Interrupted


@contextmanager
def postponed() -> Iterator[None]:
    """Nothing is raised inside; whoever is inside looks at `asked()` now and then."""
    _Stop.postponed = True
    try:
        yield
    finally:
        _Stop.postponed = False
    if _Stop.asked:
        raise Interrupted


def asked() -> bool:
    """Whether the job was told to stop."""
    return _Stop.asked
