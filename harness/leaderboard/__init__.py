"""Records as a leaderboard. Only comparable records share a table; the same records always give the same text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from harness.published import Published
from harness.records import CellRecord

if TYPE_CHECKING:
    from rich.console import Console

Format = Literal["markdown", "csv", "html"]

__all__ = ["Format", "render", "show"]


def render(
    records: Iterable[CellRecord],
    format: Format = "markdown",  # noqa: A002 (as the command's option)
    published: Sequence[Published] = (),
) -> str:
    """Markdown or a self-contained HTML page of all tables, or CSV with one line per cell and metric.

    Scores of a setting for which something is published are shown with it; CSV leaves that out.
    """
    from harness.leaderboard.tables import build

    tables = build(records)
    if format == "csv":
        from harness.leaderboard.tidy import to_csv

        return to_csv(tables)
    if format == "html":
        from harness.leaderboard.html import to_html

        return to_html(tables, published)
    from harness.leaderboard.markdown import to_markdown

    return to_markdown(tables, published)


def show(records: Iterable[CellRecord], console: Console, published: Sequence[Published] = ()) -> None:
    """Print all tables, split by columns where the console is too narrow; provenance is left to `render`."""
    from harness.leaderboard.tables import build
    from harness.leaderboard.terminal import to_console

    to_console(build(records), console, published)
