"""Checks the cache of data sets: where it is, what it holds, and whether there is room for more."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.base.cache import CACHE, cache_root
from harness.base.wording import quantity
from harness.cli.doctor.finding import Finding

AREA = "data"
ROOM = 2.0  # GB: the largest bundled data set, downloaded and unpacked
ELSEWHERE = f"Set {CACHE} to a folder"


def look() -> Iterator[Finding]:
    root = cache_root()
    there = next(each for each in (root, *root.absolute().parents) if os.path.lexists(each))
    yield Finding(AREA, "cache", str(root), unwritable(there))
    if there.is_dir():
        yield room(shutil.disk_usage(there).free / 1e9)
    for folder in sorted(root.iterdir()) if os.access(root, os.R_OK | os.X_OK) and root.is_dir() else ():
        yield Finding(AREA, folder.name, size(folder))


def unwritable(folder: Path) -> str:
    """What to do about it, or "" if files can be made there. The system is asked by making one."""
    if not folder.is_dir():
        return f"{ELSEWHERE}: {folder} is a file."
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{ELSEWHERE} that you may write to; {folder}: {error.strerror}."


def room(free: float) -> Finding:
    """`free`: GB."""
    advice = "" if free >= ROOM else f"{ELSEWHERE} on a disk with {ROOM:g} GB free, or make room."
    return Finding(AREA, "free space", f"{free:,.1f} GB", advice)


def size(path: Path) -> str:
    files = [each for each in (path, *path.rglob("*")) if each.is_file() and not each.is_symlink()]
    return f"{sum(each.stat().st_size for each in files) / 1e6:,.1f} MB in {quantity(len(files), 'file')}"
