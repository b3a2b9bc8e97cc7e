"""Turns names into parts of paths, and shortens names that are too long to be shown."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def slug(name: str) -> str:
    """A name as one safe part of a path: lower-case letters, digits, '-' and '_'.

    A name that had to be altered gets a hash, so that two names never share a slug.
    """
    safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:60]
    if safe == name and not re.search(r"(^|-)[0-9a-f]{8}$", name):  # nor may it look like one that got a hash
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def default_results(suite: str) -> Path:
    return Path("results") / slug(suite)


def middle(name: str, limit: int) -> str:
    """Shorten a name to `limit` characters by cutting its middle, as the end of a path or of a label tells more."""
    end = limit // 2
    return name if len(name) <= limit else f"{name[: limit - end - 1]}…{name[-end:]}"


def shorten(names: Sequence[str], limit: int) -> list[str]:
    """Shorten names that are shown together to about `limit` characters, keeping the parts in which they differ."""
    short = {name: middle(name, limit) for name in names}
    for name, alike in [(name, [each for each in short if short[each] == short[name]]) for name in short]:
        if len(alike) > 1:
            short[name] = _telling(name, alike, limit)
    repeats: Counter[str] = Counter()
    for name, each in short.items():  # of names that differ in several places, one is shown
        repeats[each] += 1
        short[name] = each if repeats[each] == 1 else f"{each} #{repeats[each]}"
    return [short[name] for name in names]


def _telling(name: str, alike: Sequence[str], limit: int) -> str:
    """Both ends, and between them what is not the same in all names that are alike at both."""
    start = _shared(alike)
    end = _shared([each[start:][::-1] for each in alike])
    side = limit // 4
    room = limit - 2 * side - 2
    around = max(0, room - (len(name) - end - start)) // 2  # letters beside it
    part = name[max(side, start - around) : max(start, min(len(name) - side, len(name) - end + around))]
    return f"{name[:side]}…{middle(part, room)}…{name[-side:]}"


def _shared(names: Sequence[str]) -> int:
    """How many letters at their start are the same in all."""
    each = enumerate(zip(*names, strict=False))
    return next((number for number, letters in each if len(set(letters)) > 1), min(map(len, names)))
