"""Writes the table of docs/detection.md: by how much each method's encoders exceed untrained ones.

`uv run python docs/differences.py` makes it of results/reference/detection-short.
"""

from __future__ import annotations

from pathlib import Path

from harness.reporting.comparisons import compare
from harness.reporting.leaderboard.tables import Table, build
from harness.store.results_folder import Store

DOCS = Path(__file__).parent
RECORDS = DOCS.parent / "results" / "reference" / "detection-short"
PAGE = DOCS / "detection.md"
AGAINST = "untrained"
START, END = "<!-- differences -->\n", "<!-- end of differences -->\n"


def differences(table: Table) -> str:
    """A row for each column of the table: means less that of AGAINST in points, half of the simultaneous 95 % interval,
    and a star where that does not reach 0."""
    labels = [row.label for row in table.rows]
    base = labels.index(AGAINST)
    others = [number for number in range(len(labels)) if number != base]
    heads = [f"less `{AGAINST}`", *(f"`{labels[other]}`" for other in others)]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * len(others)]
    for column in table.columns:
        evaluator, metric = column.key
        found = compare(
            [
                [100 * cell.evaluations[evaluator]["metrics"][metric]["value"] for cell in row.cells]
                for row in table.rows
            ],
            0.0,
        )
        cells = [
            f"{found.differences[other, base]:+.1f} ± {found.half_widths[other, base]:.1f}"
            + " *" * bool(found.better[other, base])
            for other in others
        ]
        lines.append(f"| {column.title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def renewed(page: str) -> str:
    """The page with the table of today's records."""
    [table] = build(Store(RECORDS).records())
    before, rest = page.split(START)
    return before + START + differences(table) + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
