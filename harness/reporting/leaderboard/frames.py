"""Leaderboards as data frames of pandas, for notebooks and scripts."""

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
    """A line for each row and column of the leaderboard of a results folder, in the metric's own unit.

    mean, half_width: over `n` seeds, and half of the 95 % interval over seeds (NaN of one seed). rank_best, rank_worst,
    ties, to_best: what the leaderboard says of the row in its column, by tests on shared seeds; empty where it is not
    ranked. Only lines with the same `table` are compared. by: "method" or "backbone", what the rows are. metrics: only
    these columns, evaluators or metrics. Raises UsageError for a metric that there is not.
    """
    import pandas as pd

    from harness.reporting.leaderboard.tables import build

    tables = build(Store(Path(results)).records(), View(by, tuple(metrics)))
    return pd.DataFrame([line for table in tables for line in _lines(table)], columns=list(COLUMNS))


def scores(results: Path | str) -> pd.DataFrame:
    """A line for each cell and metric of a results folder: as `harness leaderboard --format csv`, with its columns."""
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
