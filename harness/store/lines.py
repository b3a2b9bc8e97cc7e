"""Files to which a training appends lines of JSON, each with its step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.base.atomic_files import write_bytes


def keep_steps(path: Path, last: int) -> None:
    """Drop what was logged after the checkpoint that a training goes on from: it will be logged again."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = (line for line in lines if (parsed := _parse_line(line)) is not None and parsed["step"] <= last)
    write_bytes(path, b"".join(kept))


def whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Those that were written to their end; none without a file."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return
    yield from (parsed for line in lines if (parsed := _parse_line(line)) is not None)


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """None if it is not whole, or has no step."""
    try:
        parsed = json.loads(line) if line.endswith(b"}\n") else None
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and isinstance(parsed.get("step"), int) else None
