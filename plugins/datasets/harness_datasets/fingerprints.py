"""What identifies a user's own data: a digest of its content, so that a changed file is never taken for the old one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from harness import UsageError


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file. Raises UsageError if there is no such file."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


def folder_fingerprint(path: Path, needs: str) -> str:
    """SHA-256 over the names and contents of all visible files below a folder.

    Raises UsageError if it is missing, or has no folder `needs`: a slip such as "/" must not read a whole disk.
    """
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}.")
    if not (path / needs).is_dir():
        raise UsageError(f"{path} needs a folder '{needs}'.")
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in relative.parts):
            digest.update(f"{relative.as_posix()}\0{file_fingerprint(file)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=100_000)
def _digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 (they make a changed file another entry)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
