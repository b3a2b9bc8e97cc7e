"""What identifies a user's own data: a digest of its content, so that a changed file is never taken for the old one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from harness import UsageError
from harness_datasets.pictures import list_folder


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file. Raises UsageError if there is no such file."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


def folder_fingerprint(path: Path) -> str:
    """SHA-256 over the pictures of a folder: which split and class each is in, its name and its content.

    Other files do not matter. Raises UsageError for a folder that is no data set: a slip such as "/" must not read a
    whole disk.
    """
    digest = hashlib.sha256()
    for split, part in list_folder(path).items():
        for file, label in zip(part.paths, part.labels, strict=True):
            digest.update(f"{split}/{part.classes[label]}/{file.name}\0{file_fingerprint(file)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=100_000)
def _digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 (they make a changed file another entry)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
