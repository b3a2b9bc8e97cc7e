"""Patterns that name many files, as shells have them: `train-{000..146}.tar`, `{train,val}-*.tar`."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import Path

from harness import UsageError

MOST = 100_000  # names that braces may stand for
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")


def files_of(pattern: Path, ending: str) -> list[Path]:
    """What the pattern stands for, in the order of names; of a folder, the files below it that end so. Raises
    UsageError where there is nothing."""
    if pattern.is_dir():
        found = [file for file in pattern.rglob(f"*{ending}") if file.is_file() and not file.name.startswith(".")]
        if not found:
            raise UsageError(f"{pattern} has no files *{ending}.")
        return sorted(found)
    if pattern.is_file():
        return [pattern]
    files: dict[Path, None] = {}
    for name in names_of(str(pattern)):
        matched = glob.glob(name) if glob.has_magic(name) else [name]  # noqa: PTH207 (of absolute patterns too)
        files.update(dict.fromkeys(Path(each) for each in matched if Path(each).is_file()))
        if not any(Path(each).is_file() for each in matched):
            raise UsageError(f"there is no file {name}.")
    return sorted(files)


def names_of(pattern: str) -> list[str]:
    """Without braces. Raises UsageError for more than `MOST` names."""
    names: list[str] = []
    for name in expanded(pattern):
        names.append(name)
        if len(names) > MOST:
            raise UsageError(f"{pattern} stands for more than {MOST:,} files.")
    return names


def expanded(pattern: str) -> Iterator[str]:
    if (found := BRACES.search(pattern)) is None:
        yield pattern
        return
    before, after = pattern[: found.start()], pattern[found.end() :]
    for choice in choices(found[1]):
        yield from expanded(f"{before}{choice}{after}")


def choices(inner: str) -> Iterator[str]:
    """Of `000..146`, numbers as wide as the first; else what commas are between."""
    if numbers := RANGE.fullmatch(inner):
        first, last = numbers.groups()
        yield from (f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1))
    else:
        yield from inner.split(",")
