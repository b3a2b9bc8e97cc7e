"""Says how to read a leaderboard: a line for each kind of number or mark that is in it, and none for what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.reporting.leaderboard.tables import Row, Score, Table

HEADING = "How to read:"
NOTHING = "No results yet."
OVER = "± half the width of the 95 % interval over seeds, which does not count how closely one seed's score is measured"
WITHIN = (
    "[± ...]: half of the 95 % interval within the only seed, over samples or episodes: how closely one training was "
    "measured, not how another would do."
)
MEASURED = (
    "(± ...) in the notes: the median half of the 95 % interval within one seed, over the samples or episodes that all "
    "seeds meet."
)
BOLD = "Bold: no row of the column is significantly better."
RANKED = "Rows are sorted by mean rank, for which the middle of these ranks counts."
TIES = "Letters: two rows of a column that share one do not differ significantly, all other ranked pairs do."
BEST = (
    "Mean less the highest mean of the column, ± half the width of a 95 % interval that holds for all differences of "
    "the column together: where it does not reach 0, the row differs significantly from the best."
)


def how_to_read(tables: Sequence[Table], *, ties: bool = True) -> list[str]:
    """The lines for what is in these tables. ties: whether the letters of ties are shown."""
    scores = [score for table in tables for row in table.rows for score in row.scores if score]
    lines = [*_numbers(tables, scores), *_ranks(scores)]
    if any(score.rank and score.rank.best == 1 for score in scores):
        lines.append(BOLD)
    if any(row.mean_rank is not None for row in _rows(tables)):
        lines.append(RANKED)
    if ties and any(score.ties for score in scores):
        lines.append(TIES)
    return lines


def pairs(table: Table) -> str:
    """How to read a table of wins, ties and losses."""
    number = len(table.columns)
    over = "metric above" if number == 1 else f"{number} metrics above"
    return (
        f"Of the row against the column, over the {over} in which both are ranked. A win is a significant "
        "difference, by the test of the ranks; its error rate holds for each metric, not for all of them together. "
        "With few seeds only large and steady differences are found: a tie is no evidence that two are equal."
    )


def _rows(tables: Sequence[Table]) -> Iterator[Row]:
    return (row for table in tables for row in table.rows)


def _numbers(tables: Sequence[Table], scores: Sequence[Score]) -> list[str]:
    """What a number is, and what follows its ±."""
    columns = [column for table in tables for column in table.columns]
    parts = ["accuracies in %"] if any(each.percent and "accuracy" in each.key[1] for each in columns) else []
    if any(score.interval.n > 1 for score in scores):
        parts.append("mean over seeds")
    if any(score.interval.half_width is not None for score in scores):
        parts.append(OVER)
    said = ", ".join(parts)
    lines = [f"{said[0].upper()}{said[1:]}."] if said else []
    if any(score.within is not None for score in scores):
        lines.append(WITHIN)
    if any(each.estimate == "mean" for each in columns) and any(_measured(score) for score in scores):
        lines.append(MEASURED)
    return lines


def _measured(score: Score) -> bool:
    """Whether it is known how closely the score of a seed is measured."""
    return any(metric.get("half_width") is not None for metric in score.metrics)


def _ranks(scores: Sequence[Score]) -> list[str]:
    """What is in brackets, by an example of the table, and the test behind it."""
    ranks = [score.rank for score in scores if score.rank]
    if not ranks:
        return []
    example = next((rank for rank in ranks if rank.best != rank.worst), ranks[0])
    means = f"from {example.best} to {example.worst}" if example.best != example.worst else f"{example}"
    return [
        f"({example}): the ranks that the row can have, here {means}. Differences of rows are tested seed by seed "
        "(paired t-tests), with an error rate of 5 % for all pairs of a column together. Do not compare two ± instead. "
        "Not significant does not mean equal."
    ]
