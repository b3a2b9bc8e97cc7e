"""Progress of long jobs, which a job writes to a small file and the waiting command shows."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple, TypeVar

from harness.base.atomic_files import write_bytes

T = TypeVar("T")
SECONDS = 0.5  # between two things that are told


class _Telling(NamedTuple):
    path: Path
    about: str

    def tell(self, doing: str) -> None:
        with suppress(OSError):  # who waits learns less; the job goes on
            write_bytes(self.path, f"{self.about}: {doing}".encode(errors="backslashreplace"), durable=False)


_telling: ContextVar[_Telling | None] = ContextVar("_telling", default=None)


@contextmanager
def report_progress(found: Path, about: str) -> Iterator[None]:
    """Write the progress of `counted` inside this context: "ABOUT: 12,000 of 60,000 pictures read", twice a second."""
    token = _telling.set(_Telling(_place(found), about))
    try:
        yield
    finally:
        _telling.reset(token)


def read_progress(found: Path) -> str:
    """The progress that was written last; "" if there is none."""
    try:
        return _place(found).read_text(encoding="utf-8")
    except OSError:
        return ""


def clear_progress(found: Path) -> None:
    _place(found).unlink(missing_ok=True)


def counted(items: Collection[T], doing: str) -> Iterator[T]:
    """Iterate over items and show how many of them have been processed.

    The number is shown by `harness run` while it prepares data; elsewhere nothing is shown.

    Args:
        items: What to iterate over.
        doing: What is done, in words after the number, such as "pictures read".

    Yields:
        The items.
    """
    telling = _telling.get()
    last = time.monotonic()
    for number, item in enumerate(items):
        if telling and time.monotonic() - last >= SECONDS:
            telling.tell(f"{number:,} of {len(items):,} {doing}")
            last = time.monotonic()
        yield item
    if telling:
        telling.tell(f"{len(items):,} of {len(items):,} {doing}")


def _place(found: Path) -> Path:
    return found.with_suffix(".doing")
