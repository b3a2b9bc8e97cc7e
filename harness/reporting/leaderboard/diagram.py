"""Draws a critical-difference diagram (Demšar, 2006, figure 1) as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from harness.reporting.leaderboard.across import Ranking

WIDTH = 50


def text_diagram(found: Ranking) -> str:
    """An axis of ranks, a line for each row with its mean rank, and a bar under each group that is not told apart."""
    last = max(2, len(found.labels))
    margin = max(map(len, (*found.labels, "not told apart")))
    step = max(1, -(-(last - 1) // 10))
    marks = [*range(1, last, step), last] if (last - 1) % step else list(range(1, last + 1, step))

    place = partial(_place, last)
    ruler = _put([(place(mark), "┴" if 1 < mark < last else "└" if mark == 1 else "┘") for mark in marks], "─")
    lines = [
        _line("", "rank", margin, _put([(place(mark), str(mark)) for mark in marks])),
        _line("", "", margin, ruler),
        *(
            _line(label, f"{rank:.2f}", margin, _put([(place(rank), "●")]))
            for label, rank in zip(found.labels, found.ranks, strict=True)
        ),
        *(_line("not told apart", "", margin, _bar(found, group, place)) for group in found.groups),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _place(last: int, rank: float) -> int:
    return round((rank - 1) / (last - 1) * WIDTH)


def _bar(found: Ranking, group: Sequence[int], place: Callable[[float], int]) -> str:
    first, last = place(found.ranks[group[0]]), place(found.ranks[group[-1]])
    return " " * first + "━" * (last - first + 1)


def _line(label: str, number: str, margin: int, drawn: str) -> str:
    return f"{label:<{margin}} {number:>5}  {drawn}"


def _put(marks: Sequence[tuple[int, str]], fill: str = " ") -> str:
    drawn = [fill] * (WIDTH + 1)
    for at, mark in marks:
        drawn[at : at + len(mark)] = mark
    return "".join(drawn)
