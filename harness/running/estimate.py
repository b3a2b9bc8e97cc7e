"""Estimates the remaining time of a run from cells with similar cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple


class Group(NamedTuple):
    """Cells that differ by their seed alone: the method, and what else they share."""

    method: str
    rest: tuple[str, ...]


@dataclass(frozen=True)
class Running:
    """A cell that runs: for how many seconds so far, and how many its training still takes by the rate of its steps."""

    group: Group
    elapsed: float
    training_left: float | None = None


@dataclass(frozen=True)
class Estimate:
    """`at_least`: some cells are not counted, or not their evaluation, because nothing like them has ended."""

    seconds: float
    at_least: bool


def estimate(
    waiting: Mapping[Group, int], running: Sequence[Running], known: Mapping[Group, float], workers: int
) -> Estimate | None:
    """Until all cells have ended, so many at a time; None while nothing is known of any.

    known: the mean seconds of a whole cell. A group of which nothing is known is judged by its running cells, without
    their evaluation; else by other groups of its method; and never by other methods.
    """
    training: dict[Group, list[float]] = {}
    for cell in running:
        if cell.training_left is not None:
            training.setdefault(cell.group, []).append(cell.elapsed + cell.training_left)
    methods: dict[str, list[float]] = {}
    for group, seconds in known.items():
        methods.setdefault(group.method, []).append(seconds)

    def whole(group: Group) -> float | None:
        found = [known[group]] if group in known else training.get(group) or methods.get(group.method)
        return fmean(found) if found else None

    total = longest = 0.0
    sure, counted = True, False
    left = [(group, number, 0.0, 0.0) for group, number in waiting.items() if number]
    left += [(cell.group, 1, cell.elapsed, cell.training_left or 0.0) for cell in running]
    for group, number, elapsed, least in left:
        expected = whole(group)
        if expected is None:
            sure = False
            continue
        each = max(least, expected - elapsed)
        total += number * max(0.0, each)
        longest = max(longest, each)
        counted = True
        sure = sure and (group in known or group not in training)
    return Estimate(max(total / workers, longest), not sure) if counted else None
