"""How often ranks are wrong, and what they find: simulated columns, into docs/ranks.md.

`uv run python perf/ranks.py` (some ten minutes), from the root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.reporting.comparisons import compare
from harness.reporting.statistics import t_interval

PAGE = Path(__file__).parent.parent / "docs" / "ranks.md"
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
ROWS, SEEDS = (2, 6, 20, 50), (3, 5, 10)
TRIALS = {2: 4000, 6: 4000, 20: 2000, 50: 1000}

Array = NDArray[np.float64]


def alike(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    return draw.normal(size=(rows, seeds))


def one_to_five(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    return alike(draw, rows, seeds) * np.linspace(1, 5, rows)[:, None]


def one_noisy(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    return alike(draw, rows, seeds) * np.where(np.arange(rows) == 0, 10, 1)[:, None]


def half_noisy(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    return alike(draw, rows, seeds) * np.where(np.arange(rows) < rows // 2, 3, 1)[:, None]


def correlated(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    """All rows move with the seed, at a correlation of .8."""
    return np.sqrt(0.2) * alike(draw, rows, seeds) + np.sqrt(0.8) * draw.normal(size=seeds)


def in_two_groups(draw: np.random.Generator, rows: int, seeds: int) -> Array:
    """The first half of the rows moves with the seed, at a correlation of .8; the second half does not."""
    both = correlated(draw, rows, seeds), alike(draw, rows, seeds)
    return np.where((np.arange(rows) < rows // 2)[:, None], *both)


WORLDS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "equal sd": alike,
    "sd 1 to 5": one_to_five,
    "one row sd × 10": one_noisy,
    "half of rows sd × 3": half_noisy,
    "seeds correlated": correlated,
    "half of rows correlated": in_two_groups,
}


def separated(scores: Array) -> bool:
    return bool(compare(scores.tolist()).better.any())


def apart(scores: Array) -> bool:
    """The rule before: some row's whole 95 % interval lies above another's."""
    intervals = [t_interval(row) for row in scores.tolist()]
    lows = [each.mean - (each.half_width or 0.0) for each in intervals]
    highs = [each.mean + (each.half_width or 0.0) for each in intervals]
    return max(lows) > min(highs)


def share(rows: int, seeds: int, world: str, wrong: Callable[[Array], bool]) -> str:
    draw = np.random.default_rng([rows, seeds, list(WORLDS).index(world)])
    found = sum(wrong(WORLDS[world](draw, rows, seeds)) for _ in range(TRIALS[rows]))
    return f"{100 * found / TRIALS[rows]:.1f}"


def level() -> Iterator[str]:
    yield "| rows | seeds | " + " | ".join(WORLDS) + " | old rule, equal sd | old rule, one row sd × 10 |"
    yield "|" + "---:|" * (4 + len(WORLDS))
    for rows in ROWS:
        for seeds in SEEDS:
            shares = [share(rows, seeds, world, separated) for world in WORLDS]
            before = [share(rows, seeds, world, apart) for world in ("equal sd", "one row sd × 10")]
            yield f"| {rows} | {seeds} | " + " | ".join([*shares, *before]) + " |"


def power() -> Iterator[str]:
    """The pairs of one row, better by so many standard deviations, that are separated."""
    gaps = (2, 4, 6, 10)
    columns = [f"{world}, +{gap} sd" for world in ("equal sd", "seeds correlated") for gap in gaps]
    yield "| rows | seeds | " + " | ".join(columns) + " |"
    yield "|" + "---:|" * (2 + len(columns))
    for rows in ROWS:
        for seeds in SEEDS:
            found = []
            for world in (alike, correlated):
                for gap in gaps:
                    draw = np.random.default_rng([rows, seeds, gap])
                    trials = TRIALS[rows] // 4
                    better = np.zeros(rows - 1)
                    for _ in range(trials):
                        scores = world(draw, rows, seeds)
                        scores[0] += gap
                        better += compare(scores.tolist()).better[0, 1:]
                    found.append(f"{100 * float(better.mean()) / trials:.0f}")
            yield f"| {rows} | {seeds} | " + " | ".join(found) + " |"


TABLES = {"level": level, "power": power}


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        MARKED.sub(lambda match: match[1] + "\n".join([*TABLES[match[2]](), ""]) + match[3], text), encoding="utf-8"
    )
