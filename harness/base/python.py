"""Starts Python processes with the same import path as this one, but without the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SAFE = "PYTHONSAFEPATH"  # for `python -c` and `-m` as well, the current folder is no place to import from


def python(*arguments: str) -> list[str]:
    """A command that runs this Python with arguments such as "-m", "harness"."""
    return [sys.executable, "-P", *arguments]


def environment() -> dict[str, str]:
    """The environment of this process, with a PYTHONPATH by which another one finds the same modules."""
    places = [str(Path(place).absolute()) for place in sys.path]  # "" is the folder that this one was started in
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


@contextmanager
def safe_path() -> Iterator[None]:
    """Inside this context, new Python processes do not import modules from the current folder.

    Use it around code that starts processes by itself, such as multiprocessing.
    """
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE]
        else:
            os.environ[SAFE] = before
