"""Python processes that see what this one sees, and nothing of the current folder, whose files may have any name."""

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
    """This process's, in which another one finds the same modules: the places that this one imports from."""
    places = [str(Path(place).absolute()) for place in sys.path]  # "" is the folder that this one was started in
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


@contextmanager
def safe_path() -> Iterator[None]:
    """Processes that others start inside, as multiprocessing does, do not import from the current folder."""
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE]
        else:
            os.environ[SAFE] = before
