"""Values computed for each of many files, cached as long as the file does not change.

A cache is one JSON file per name, checked when it is read. If it is damaged or cannot be written, values are computed
again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.base.atomic_files import DamagedError, read_json, write_json
from harness.base.cache import cache_root
from harness.base.counting import counted
from harness.base.errors import UsageError

FOLDER = "per-file"
FRESH_NS = 2_000_000_000  # the coarsest clock of a file system, FAT's: a file as fresh as that may change unseen

Signs = list[int]  # of a file: its size, when its content and when anything of it changed, and its inode


def per_file(compute: Callable[[Path], str], files: Sequence[Path], memory: str, doing: str) -> list[str]:
    """Compute a value for each file, or take it from the cache if the file has not changed since.

    A change is recognised by size, times and inode of the file.

    Args:
        compute: Function from a file to its value.
        files: The files.
        memory: Name of the cache: what is computed, of which files.
        doing: What is done, for the progress that is shown, such as "pictures read".

    Returns:
        The values, in the order of the files.

    Raises:
        OSError: A file cannot be read. Errors of `compute` are raised as well.
    """
    kept = _read(memory)
    known: dict[str, tuple[Signs, str]] = {}
    values = []
    for file in counted(files, doing):
        key = str(file.absolute())
        signs = _signs(file)
        before = kept.get(key)
        if before and before[0] == signs:
            known[key] = before
            values.append(before[1])
            continue
        now = time.time_ns()
        values.append(compute(file))
        if now - max(signs[1], signs[2]) > FRESH_NS and _signs(file) == signs:
            known[key] = signs, values[-1]
    if known != kept:
        _write(memory, known)
    return values


def _signs(file: Path) -> Signs:
    status = os.stat(file)  # noqa: PTH116 (pathlib takes twice as long)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _place(memory: str) -> Path:
    return cache_root() / FOLDER / f"{hashlib.sha256(memory.encode(errors='surrogateescape')).hexdigest()[:32]}.json"


def _read(memory: str) -> dict[str, tuple[Signs, str]]:
    with suppress(OSError, DamagedError, UsageError, ValueError, TypeError):
        found: dict[str, Any] = (read_json(_place(memory)) or {}).get("files", {})
        return {key: (list(map(int, signs)), str(value)) for key, (signs, value) in found.items()}
    return {}


def _write(memory: str, known: dict[str, tuple[Signs, str]]) -> None:
    with suppress(OSError, UsageError):
        write_json(_place(memory), {"files": known}, durable=False, indent=None)
