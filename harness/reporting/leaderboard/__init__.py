"""Renders records as a leaderboard. Only comparable records share a table; the same records give the same text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from harness.plugins.published import Published
from harness.reporting.leaderboard.view import View
from harness.store.records import CellRecord

if TYPE_CHECKING:
    from rich.console import Console

    from harness.reporting.leaderboard.tables import Table

Format = Literal["markdown", "csv", "html"]

__all__ = ["Format", "View", "render", "render_tables", "show"]


def render(
    records: Iterable[CellRecord],
    format: Format = "markdown",  # noqa: A002 (as the command's option)
    published: Sequence[Published] = (),
    view: View = View(),
) -> str:
    """Markdown or a self-contained HTML page of all tables, or CSV with one line per cell and metric.

    Scores of a setting for which something is published are shown with it; pivoted tables leave that out.
    Raises UsageError if the view asks for a metric that no record has.
    """
    from harness.reporting.leaderboard.tables import build

    return render_tables(build(records, view), format, published, view)


def render_tables(
    tables: Sequence[Table],
    format: Format = "markdown",  # noqa: A002 (as the command's option)
    published: Sequence[Published] = (),
    view: View = View(),
) -> str:
    """As `render`, of tables that have been made."""
    if format == "csv":
        from harness.reporting.leaderboard.tidy import to_csv

        return to_csv(tables, published, pivot=view.pivot)
    from harness.reporting.leaderboard.sections import board

    found = board(tables, published, view)
    if format == "html":
        from harness.reporting.leaderboard.html import to_html

        return to_html(found)
    from harness.reporting.leaderboard.markdown import to_markdown

    return to_markdown(found)


def show(tables: Sequence[Table], console: Console, published: Sequence[Published] = (), view: View = View()) -> None:
    """Print all tables, split by columns where the console is too narrow; provenance is left to `render`, and costs
    unless the view asks for them."""
    from harness.reporting.leaderboard.sections import board
    from harness.reporting.leaderboard.terminal import to_console

    to_console(board(tables, published, view, terminal=True), console)
