"""Writes a report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from harness.reporting.gate.report import FINE, Report
from harness.reporting.gate.summary import reading, verdict
from harness.reporting.gate.text import HEADERS, cells, line
from harness.reporting.leaderboard.markdown import escape


def to_markdown(report: Report) -> str:
    from tabulate import tabulate

    parts = [f"# Check: {'passed' if report.code == FINE else 'failed'}", escape(verdict(report))]
    if report.alarms:
        parts.append(_bullets([line(row) for row in report.alarms]))
    for (dataset, backbone), rows in groupby(report.rows, key=lambda row: row.key[:2]):
        table = [
            [*map(escape, cells(row)[:-1]), f"**{row.verdict}**" if row in report.alarms else row.verdict]
            for row in rows
        ]
        align = ["left", "left", "right", "right", "right", "right", "left"]
        parts.append(f"## {escape(f'{dataset} · {backbone}')}")
        parts.append(tabulate(table, headers=HEADERS, tablefmt="pipe", colalign=align, disable_numparse=True))
    parts.append(escape(reading(report)))
    if report.notes:
        parts.append("What differs apart from results:\n\n" + _bullets(report.notes))
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escape(each)}" for each in lines)
