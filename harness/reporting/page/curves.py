"""What was logged while cells trained: `steps.jsonl` of a results folder, one line per logged step."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

BINS = 60
LARGEST = 3.4e38  # of a 32-bit float, which losses are; sums and axes of larger numbers overflow


@dataclass(frozen=True)
class Curve:
    """A loss over steps, of one row's seeds. steps, mean, low, high: (at most BINS,), each the mean of a stretch of
    steps; low and high are the lowest and highest seed. mean is shorter where a seed is: it ends with it."""

    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


def read(path: Path, name: str = "loss") -> list[tuple[int, float]]:
    """(step, value) of every line that has both as numbers up to LARGEST; others, as a torn last, are passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        step, value = (values.get("step"), values.get(name)) if isinstance(values, dict) else (None, None)
        if isinstance(step, int) and isinstance(value, int | float) and all(abs(n) <= LARGEST for n in (step, value)):
            found.append((step, float(value)))
    return found


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
