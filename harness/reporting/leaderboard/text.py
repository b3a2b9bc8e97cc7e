"""Formats words and numbers for the leaderboard, and cleans labels and messages, which may contain anything."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MISSING = "–"


def clean(text: object, limit: int = 2000) -> str:
    """On one line, without control or invisible characters, at most `limit` long."""
    words = " ".join("".join(each if each.isprintable() else " " for each in str(text)).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def natural(text: str) -> tuple[Any, ...]:
    """A sort key that puts "5-way" before "20-way"."""
    parts = re.split(r"([0-9]+)", text.lower())
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), text


def canonical(value: Any) -> str:
    """Equal for equal values, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, default=str)


def amount(value: float) -> str:
    """About three digits, never an exponent: 1.23, 12.3, 1,234."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.{0 if value == 0 or abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def mean_with_half_width(mean: float, half_width: float | None, *, percent: bool) -> str:
    """'91.2 ± 0.8', or '91.2' without an interval."""
    return number(mean, percent=percent) + ("" if half_width is None else f" ± {half(half_width, percent=percent)}")


def half(width: float, *, percent: bool) -> str:
    """Format half of an interval, with a second decimal below .05 points."""
    return f"{100 * width:.2f}" if percent and 0 < 100 * width < 0.05 else number(width, percent=percent)


def number(value: float, *, percent: bool) -> str:
    """A fraction in percent with one decimal, anything else with four digits."""
    return f"{100 * value:.1f}" if percent else f"{value:.4g}"


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= flatten(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else {f"{prefix}{key}": inner}
    return flat


def settings(value: Mapping[str, Any]) -> str:
    """'lr=0.1, steps=400'; what is not set is not said."""
    flat = sorted(flatten(value).items())
    return ", ".join(f"{key}={_plain(inner)}" for key, inner in flat if inner is not None)


def joined(values: Iterable[Any]) -> str:
    """What is not None, each once, in natural order."""
    return ", ".join(sorted({str(value) for value in values if value is not None}, key=natural))


def letters(groups: Sequence[Iterable[int]], number: int) -> list[str]:
    """For each of `number` things the letters of its groups: a to z, then aa, ab and so on, parted by commas."""
    held: list[list[str]] = [[] for _ in range(number)]
    for i, group in enumerate(groups):
        name = _letter(i)
        for member in group:
            held[member].append(name)
    return [",".join(each) for each in held]


def _letter(number: int) -> str:
    return (_letter(number // 26 - 1) if number >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[number % 26]


def distinguish(labels: Sequence[str], things: Sequence[Mapping[str, Any]]) -> list[str]:
    """The labels, each that is not unique with the settings that differ: 'simclr (temperature=0.1)'."""
    named = list(labels)
    for label, count in Counter(labels).items():
        if count > 1:
            same = [i for i, each in enumerate(labels) if each == label]
            for i, difference in zip(same, _differences([flatten(things[i]) for i in same]), strict=True):
                named[i] = f"{label} ({difference})" if difference else label
    repeats: Counter[str] = Counter()
    for i, label in enumerate(named):  # what differs may share a last name
        repeats[label] += 1
        named[i] = label if repeats[label] == 1 else f"{label} #{repeats[label]}"
    return named


def _differences(things: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for thing in things for key in thing})
    differing = [key for key in keys if len({canonical(thing.get(key)) for thing in things}) > 1]
    return [
        clean(", ".join(f"{key.rpartition('.')[2]}={_plain(thing[key])}" for key in differing if key in thing))
        for thing in things
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return clean(value, 16) if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32,}", value) else clean(value)
