"""Leaderboards and scores as pandas data frames, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.plugins.registry import registry
from harness.reporting.leaderboard.view import By, View
from harness.store.results_folder import Store

if TYPE_CHECKING:
    import pandas as pd

    from harness.reporting.leaderboard.tables import Table

COLUMNS = (
    *("table", "dataset", "backbone", "method", "metric", "mean", "half_width", "n"),
    *("rank_best", "rank_worst", "ties", "to_best", "to_best_half_width", "higher_is_better", "protocol"),
)


def leaderboard(results: Path | str, *, by: By = "method", metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Return the leaderboard of a results folder as a data frame, with a line for each row and column of its tables.

    Values are in the metric's own unit. The columns are:

    - table, dataset, backbone, method, metric: only lines with the same `table` are comparable.
    - mean, half_width, n: mean over n seeds, and half of its 95 % interval (NaN for one seed).
    - rank_best, rank_worst, ties: ranks by tests on shared seeds; empty where a row is not ranked.
    - to_best, to_best_half_width: difference to the best row, and half of its interval.
    - higher_is_better, protocol: as the evaluator says.

    Args:
        results: The results folder.
        by: What the rows compare: "method" or "backbone".
        metrics: Only these columns, evaluators or metrics; all by default.

    Returns:
        The data frame.

    Raises:
        UsageError: There are no results, or no record has a metric of this name.
    """
    import pandas as pd

    from harness.reporting.leaderboard.tables import build

    tables = build(Store(Path(results)).records(), View(by, tuple(metrics)))
    return pd.DataFrame([line for table in tables for line in _lines(table)], columns=list(COLUMNS))


def scores(results: Path | str) -> pd.DataFrame:
    """Return all scores of a results folder as a data frame, with a line for each cell and metric.

    The columns are those of `harness leaderboard --format csv`.

    Args:
        results: The results folder.

    Returns:
        The data frame.

    Raises:
        UsageError: There are no results.
    """
    from harness.reporting.leaderboard.tables import build
    from harness.reporting.leaderboard.tidy import frame

    return frame(build(Store(Path(results)).records()), registry().published())


def _lines(table: Table) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        labels = {kind: row.cells[0].cell[kind]["label"] for kind in ("dataset", "backbone", "method")}
        for column, score in zip(table.columns, row.scores, strict=True):
            if score is not None:
                interval, place = score.interval, score.place
                line = {"table": table.title, **labels, table.by: row.label, "metric": column.title}
                line |= {"mean": interval.mean, "half_width": interval.half_width, "n": interval.n}
                line |= {"higher_is_better": column.higher_is_better, "protocol": score.protocol}
                if place is not None:
                    line |= {"rank_best": place.rank.best, "rank_worst": place.rank.worst, "ties": place.ties}
                    line |= {"to_best": place.to_best.mean, "to_best_half_width": place.to_best.half_width}
                yield line
