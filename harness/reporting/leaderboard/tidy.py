"""The leaderboard as tidy data: one line per cell and metric."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.plugins.published import Published
from harness.reporting.leaderboard.pivot import mean_rank, pivoted
from harness.reporting.leaderboard.references import Reference, references
from harness.reporting.leaderboard.tables import Column, Row, Score, Table
from harness.reporting.leaderboard.text import natural
from harness.store.records import CellRecord, display_of, estimate, spent

if TYPE_CHECKING:
    import pandas as pd

_TRAINING = {"seconds": "train_seconds", "samples": "samples_seen", "views": "views_seen"} | {
    name: name for name in ("samples_per_second", "peak_memory_mb")
}
COLUMNS = (
    *("comparable", "suite", "dataset", "backbone", "method", "seed", "evaluator", "metric", "value", "half_width"),
    *("n", "unit", "higher_is_better", "protocol", "shown", "estimate", "rank_best", "rank_worst", "ties"),
    *("to_best", "to_best_half_width", "published", "gap", "published_in"),
    *("evaluate_seconds", *_TRAINING.values()),
    *("status", "message", "cell_id", "evaluator_id"),
)


def frame(tables: Sequence[Table], published: Sequence[Published] = ()) -> pd.DataFrame:
    """`comparable` is equal where lines may be compared; a cell without scores has one line, without a metric.

    `gap` is the row's mean over seeds less what is published; of several such results, the one whose protocol differs
    in the fewest facts, of these the first stated.
    """
    import pandas as pd

    lines = []
    for table in tables:
        closest = _closest(references(table, published))
        lines += [line for row in table.rows for cell in row.cells for line in _lines(table, row, cell, closest)]
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def pivot_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """Means over seeds: a line per metric and row, a column per data set."""
    import pandas as pd

    pivots = pivoted(tables)
    lines = [
        {
            "metric": pivot.full,
            pivot.by: label,
            **{place.full: cell and cell[1].interval.mean for place, cell in zip(pivot.places, cells, strict=True)},
            "mean_rank": mean_rank(cells),
        }
        for pivot in pivots
        for label, _, cells in pivot.rows
    ]
    kind = tables[0].by if tables else "method"
    places = dict.fromkeys(place.full for pivot in pivots for place in pivot.places)
    columns = ["metric", kind, *sorted(places, key=natural), "mean_rank"]
    return pd.DataFrame(lines, columns=columns, dtype=object)


def to_csv(tables: Sequence[Table], published: Sequence[Published] = (), *, pivot: bool = False) -> str:
    made = pivot_frame(tables) if pivot else frame(tables, published)
    return made.to_csv(index=False, lineterminator="\n")


def _closest(found: Sequence[Reference]) -> dict[tuple[int, int], Reference]:
    """By row and column, which are told apart by identity."""
    closest: dict[tuple[int, int], Reference] = {}
    for each in sorted(found, key=lambda each: len(each.differences)):
        closest.setdefault((id(each.row), id(each.column)), each)
    return closest


def _lines(
    table: Table, row: Row, cell: CellRecord, closest: Mapping[tuple[int, int], Reference]
) -> Iterator[dict[str, Any]]:
    training = cell.training or {}
    common = {
        "comparable": hashlib.sha256(table.key.encode()).hexdigest()[:12],
        "suite": cell.cell.get("suite"),
        **{kind: cell.cell[kind]["label"] for kind in ("dataset", "backbone", "method")},
        table.by: row.full,
        "seed": cell.cell["seed"],
        **{column: training.get(name) for name, column in _TRAINING.items()},
        **{_TRAINING[name]: spent(training, name) for name in ("seconds", "samples", "views")},
        "status": (cell.failure or {}).get("status", "failed") if cell.failure else None,
        "message": (cell.failure or {}).get("message"),
        "cell_id": cell.id,
    }
    scored = [i for i, column in enumerate(table.columns) if column.key[1] in _metrics(cell, column)]
    for i in scored:
        column = table.columns[i]
        beside = _beside(closest.get((id(row), id(column))))
        yield {**common, **_measured(cell, column), **_rank_columns(row.scores[i]), **beside}
    if not scored:
        yield common


def _measured(cell: CellRecord, column: Column) -> dict[str, Any]:
    name = column.key[1]
    metric = _metrics(cell, column)[name]
    return {
        "evaluator": column.label,
        "metric": name,
        **{key: metric.get(key) for key in ("value", "half_width", "n", "unit", "higher_is_better", "protocol")},
        "shown": display_of(name, metric),
        "estimate": estimate(metric),
        "evaluate_seconds": cell.evaluations[column.key[0]].get("seconds"),
        "evaluator_id": column.key[0],
    }


def _rank_columns(score: Score | None) -> dict[str, Any]:
    """The row's ranks in the column, its groups of ties, and its difference to the best: the same for all its seeds."""
    if score is None or score.place is None:
        return {}
    rank, gap = score.place.rank, score.place.to_best
    ranks = {"rank_best": rank.best, "rank_worst": rank.worst, "ties": score.ties or None}
    return {**ranks, "to_best": gap.mean, "to_best_half_width": gap.half_width}


def _beside(reference: Reference | None) -> dict[str, Any]:
    """What is published, and what the row's mean over seeds is beyond it."""
    if reference is None:
        return {}
    other = reference.published
    gap = reference.score.interval.mean - other.value
    return {"published": other.value, "gap": gap, "published_in": other.source}


def _metrics(cell: CellRecord, column: Column) -> Any:
    return cell.evaluations.get(column.key[0], {}).get("metrics", {})
