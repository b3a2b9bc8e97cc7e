"""Tables as tidy data: one line per cell and metric, for whoever wants to compute further."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.leaderboard.tables import Column, Row, Table
from harness.records import CellRecord

if TYPE_CHECKING:
    import pandas as pd

_TRAINING = {"seconds": "train_seconds", "images": "images_seen"} | {
    name: name for name in ("images_per_second", "peak_memory_mb")
}
COLUMNS = (
    *("comparable", "suite", "dataset", "backbone", "method", "seed", "evaluator", "metric", "value", "half_width"),
    *("n", "unit", "higher_is_better", "protocol", "evaluate_seconds", *_TRAINING.values()),
    *("status", "message", "cell_id", "evaluator_id"),
)


def frame(tables: Sequence[Table]) -> pd.DataFrame:
    """`comparable` is equal where lines may be compared; a cell without scores has one line, without a metric."""
    import pandas as pd

    lines = [line for table in tables for row in table.rows for cell in row.cells for line in _lines(table, row, cell)]
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def to_csv(tables: Sequence[Table]) -> str:
    return frame(tables).to_csv(index=False, lineterminator="\n")


def _lines(table: Table, row: Row, cell: CellRecord) -> Iterator[dict[str, Any]]:
    training = cell.training or {}
    common = {
        "comparable": hashlib.sha256(table.key.encode()).hexdigest()[:12],
        "suite": cell.cell.get("suite"),
        "dataset": cell.cell["dataset"]["label"],
        "backbone": cell.cell["backbone"]["label"],
        "method": row.label,
        "seed": cell.cell["seed"],
        **{column: training.get(name) for name, column in _TRAINING.items()},
        "status": (cell.failure or {}).get("status", "failed") if cell.failure else None,
        "message": (cell.failure or {}).get("message"),
        "cell_id": cell.id,
    }
    scored = [column for column in table.columns if column.key[1] in _metrics(cell, column)]
    for column in scored:
        yield {**common, **_measured(cell, column)}
    if not scored:
        yield common


def _measured(cell: CellRecord, column: Column) -> dict[str, Any]:
    metric = _metrics(cell, column)[column.key[1]]
    return {
        "evaluator": column.label,
        "metric": column.key[1],
        **{name: metric.get(name) for name in ("value", "half_width", "n", "unit", "higher_is_better", "protocol")},
        "evaluate_seconds": cell.evaluations[column.key[0]].get("seconds"),
        "evaluator_id": column.key[0],
    }


def _metrics(cell: CellRecord, column: Column) -> Any:
    return cell.evaluations.get(column.key[0], {}).get("metrics", {})
