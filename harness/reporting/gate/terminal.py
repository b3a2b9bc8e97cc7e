"""Prints a report on a terminal: a table for each data set and backbone, then each alarm in full."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from harness.reporting.gate.report import Report
from harness.reporting.gate.summary import reading, verdict
from harness.reporting.gate.text import HEADERS, cells, line

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    **{"regressed": "bold red", "suspicious": "bold yellow", "missing": "red", "failed": "red"},
    **{"not comparable": "yellow", "improved": "green"},
}
_NUMBERS = HEADERS[2:6]


def to_console(report: Report, console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    for (dataset, backbone), rows in groupby(report.rows, key=lambda row: row.key[:2]):
        console.print()
        console.print(Text(f"{dataset} · {backbone}", "bold"))
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for header in HEADERS:
            number = header in _NUMBERS
            table.add_column(header, justify="right" if number else "left", no_wrap=number, overflow="fold")
        for row in rows:
            *texts, mark = cells(row)
            table.add_row(*map(Text, texts), Text(mark, STYLES.get(mark, "")))
        console.print(table)
    console.print()
    for row in report.alarms:
        console.print(Text(line(row), STYLES[row.verdict]), soft_wrap=True)
    for note in report.notes:
        console.print(Text(f"differs: {note}", "dim"), soft_wrap=True)
    console.print(Text(reading(report), "dim"))
    console.print(Text(verdict(report), "bold"), soft_wrap=True)
