"""Reads the metrics that were logged during training from `steps.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

BINS = 60
LARGEST = 3.4e38  # of a 32-bit float, which losses are; sums and axes of larger numbers overflow


@dataclass(frozen=True)
class Curve:
    """A logged value over steps, of one row's seeds. steps, mean, low, high: (at most BINS,), each the mean of a
    stretch of steps; low and high are the lowest and highest seed. mean is shorter where a seed is: it ends with it."""

    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


def read(path: Path) -> dict[str, list[tuple[int, float]]]:
    """By the name of each logged value its (step, value), where both are numbers up to LARGEST. Lines without a step,
    as a torn last one, are passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        values = _parse_line(line)
        step = values.get("step")
        if isinstance(step, int) and abs(step) <= LARGEST:
            for name, value in values.items():
                if name not in ("step", "steps") and isinstance(value, int | float) and abs(value) <= LARGEST:
                    found.setdefault(name, []).append((step, float(value)))
    return found


def _parse_line(line: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def limits(values: Iterable[float]) -> tuple[float | None, float | None]:
    """Where an axis is cut, so that few values far from all others leave the others room; None where it is not.

    The middle of the values is from their 5th to their 95th percentile. A side is cut where values are further from it
    than it is wide: that is the start of most trainings.
    """
    known = sorted(values)
    if len(known) < 2:
        return None, None
    low, *_, high = quantiles(known, n=20, method="inclusive")
    width = high - low
    if not width:  # nearly all are the same: there is nothing to make room for
        return None, None
    return (
        low - width / 10 if low - known[0] > width else None,
        high + width / 10 if known[-1] - high > width else None,
    )


def curve(seeds: Iterable[list[tuple[int, float]]]) -> Curve | None:
    """The seeds of one row together; None without any line. Past the end of the shortest a mean would be of those that
    went on, and jump to them: it ends there."""
    known = [each for each in seeds if each]
    if not known:
        return None
    last = max(step for each in known for step, _ in each)
    width = max(1.0, last / BINS)
    shortest = int((last - 1) // width)
    stretches: dict[int, list[tuple[float, float]]] = {}  # of each seed the mean step and value
    for each in known:
        own: dict[int, list[tuple[int, float]]] = {}
        for step, value in each:
            own.setdefault(int((step - 1) // width), []).append((step, value))
        shortest = min(shortest, max(own))
        for number, pairs in own.items():
            stretches.setdefault(number, []).append((fmean(s for s, _ in pairs), fmean(v for _, v in pairs)))
    numbers = sorted(stretches)
    ordered = [stretches[number] for number in numbers]
    values = [[value for _, value in each] for each in ordered]
    return Curve(
        tuple(fmean(step for step, _ in each) for each in ordered),
        tuple(fmean(each) for number, each in zip(numbers, values, strict=True) if number <= shortest),
        tuple(map(min, values)),
        tuple(map(max, values)),
        len(known),
    )
