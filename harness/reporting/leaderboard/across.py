"""Mean ranks over data sets, and which of them differ (Demšar, 2006, "Statistical comparisons of classifiers").

Friedman's test over all methods, then Nemenyi's over pairs. Pairwise Wilcoxon tests with Holm's adjustment do not
depend on who else takes part (Benavoli et al., 2016), but cannot find anything on fewer than six data sets, which is
what most suites have: their smallest p on five is 0.0625 before any adjustment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from harness.base.slugs import shorten
from harness.reporting.leaderboard.friedman import ALPHA, average_ranks, critical_difference, friedman
from harness.reporting.leaderboard.identity import identity
from harness.reporting.leaderboard.tables import ROW, Column, Table
from harness.reporting.leaderboard.text import canonical, clean, distinguish, joined, natural
from harness.reporting.statistics import Interval, overlapping


@dataclass(frozen=True)
class Ranking:
    """The rows that have a score on every data set, best mean rank first.

    p: of Friedman's test. difference: the critical difference of mean ranks. groups: of rows that are not told apart.
    """

    title: str
    by: str
    datasets: tuple[str, ...]
    labels: tuple[str, ...]
    ranks: tuple[float, ...]
    p: float
    difference: float
    groups: tuple[tuple[int, ...], ...]
    left_out: tuple[str, ...]


def rankings(tables: Sequence[Table]) -> list[Ranking]:
    """One for each metric of an evaluator that at least three rows have on the same two or more data sets."""
    columns: dict[tuple[str, str, str], Column] = {}
    for table in tables:
        for column in table.columns:
            columns.setdefault((*column.key, column.protocol), column)
    found = [ranking(tables, column) for column in columns.values()]
    return sorted((each for each in found if each), key=lambda each: natural(each.title))


def ranking(tables: Iterable[Table], column: Column) -> Ranking | None:
    """Of several tables on one data set (other backbones, budgets, versions or options of it) each row's mean is taken,
    as they are not independent of each other."""
    labels: dict[str, str] = {}
    datasets: dict[str, list[Mapping[str, Any]]] = {}
    scores: dict[str, list[dict[str, float]]] = {}  # by data set, of each table by row
    for table in tables:
        if (own := _scores(table, column)) is None:
            continue
        dataset = table.cells[0].cell["dataset"]
        key = canonical(source(dataset))
        datasets.setdefault(key, []).append(dataset)
        scores.setdefault(key, []).append(own)
        labels |= {row.key: row.full for row in reversed(table.rows) if row.key in own and row.key not in labels}
    labels = dict(zip(labels, shorten(list(labels.values()), ROW), strict=True))
    everywhere = sorted(
        (key for key in labels if all(key in own for group in scores.values() for own in group)),
        key=lambda key: natural(labels[key]),
    )
    if len(scores) < 2 or len(everywhere) < 3:
        return None
    blocks = [[fmean(own[key] for own in group) for key in everywhere] for group in scores.values()]
    ranks = average_ranks(blocks)
    order = sorted(range(len(ranks)), key=lambda i: (ranks[i], i))
    p, difference = friedman(blocks), critical_difference(len(ranks), len(blocks))
    ordered = tuple(ranks[i] for i in order)
    return Ranking(
        column.title,
        next(iter(tables)).by,
        tuple(sorted(_names(datasets.values()), key=natural)),
        tuple(labels[everywhere[i]] for i in order),
        ordered,
        p,
        difference,
        _groups(ordered, p, difference),
        tuple(sorted((labels[key] for key in labels if key not in everywhere), key=natural)),
    )


def source(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What two data sets share that are not independent: where they come from, whatever their version and options.

    One that is named by an option which does not decide a result, as a path is, is told by its content.
    """
    named = {key: dataset.get(key) for key in ("name", "distribution")}
    elsewhere = dataset["options"].keys() - identity(dataset)["options"].keys()
    return named | ({"fingerprint": dataset.get("fingerprint")} if elsewhere else {})


def _names(datasets: Iterable[Sequence[Mapping[str, Any]]]) -> list[str]:
    every = list(datasets)
    labels = [clean(" / ".join(sorted({str(each["label"]) for each in own}, key=natural))) for own in every]
    return distinguish(labels, [source(own[0]) for own in every])


def _groups(ranks: Sequence[float], p: float, difference: float) -> tuple[tuple[int, ...], ...]:
    """Ranks that differ by no more than the critical difference; all of them, where Friedman's test finds nothing."""
    if p >= ALPHA:
        return (tuple(range(len(ranks))),)
    return tuple(overlapping([Interval(rank, difference / 2, 1) for rank in ranks], higher_is_better=False))


def _scores(table: Table, column: Column) -> dict[str, float] | None:
    """Each row's mean in the column, higher being better; None if the table has no such column."""
    index = next((i for i, each in enumerate(table.columns) if each.key == column.key), None)
    if index is None:
        return None
    sign = 1 if column.higher_is_better else -1
    return {
        row.key: sign * score.interval.mean
        for row in table.rows
        if (score := row.scores[index]) and score.protocol == column.protocol and isfinite(score.interval.mean)
    }


def said(found: Ranking) -> list[str]:
    """How sure the order is."""
    told = (
        "At least one differs"
        if found.p < ALPHA
        else f"At {ALPHA} this shows no difference between any of them, so all are one group"
    )
    lines = [
        f"Mean rank over {len(found.datasets)} data sets ({joined(found.datasets)}); 1 is best. Friedman's test: "
        f"p = {found.p:.2g}. {told}.",
        f"Groups are rows whose mean ranks differ by less than Nemenyi's critical difference, {found.difference:.2f} "
        f"at {ALPHA} (Demšar 2006).",
    ]
    if found.left_out:
        lines.append(f"Left out, as not scored on every data set: {', '.join(found.left_out)}.")
    return lines
