"""What is installed, as text. Apart from the command `list`, so that it can be shown without typer."""

from __future__ import annotations

import sys

from harness.base.errors import UsageError, nearest, printable
from harness.cli.table import Column, in_colour, lines, styled, table_width
from harness.plugins.registry import KINDS, Kind, Registry, registry


def show_components(kind: str | None = None) -> None:
    """Print the components of one kind, or of all. Raises UsageError for a kind that there is not."""
    kinds = KINDS if kind is None else tuple(each for each in KINDS if kind in (each, f"{each}s"))
    if not kinds:
        raise UsageError(f"there is no kind '{kind}'.{nearest(kind or '', KINDS)}")
    known = registry()
    for each in kinds:
        print(_table(each, known))
    report(known)


def report(known: Registry) -> None:
    """Say on standard error which plugins are not in use, and why."""
    for problem in known.problems:
        print(styled(printable(f"warning: {problem}"), "yellow", sys.stderr.isatty()), file=sys.stderr)


def _table(kind: Kind, known: Registry) -> str:
    return drawn(
        f"{kind}s",
        "what it is",
        [(name, spec.summary, spec.origin.distribution) for name, spec in known.named(kind).items()],
    )


def drawn(title: str, what: str, rows: list[tuple[str, str, str]]) -> str:
    columns = (Column("name", "cyan", wraps=False), Column(what), Column("from", "dim", wraps=False))
    colour = in_colour()
    return "\n".join([styled(title, "bold", colour), *lines(columns, rows, table_width(), colour=colour)])
