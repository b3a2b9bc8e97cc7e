"""The text of `harness list`, in a module of its own so that it can be shown without importing typer."""

from __future__ import annotations

import sys
from itertools import chain

from harness.base.errors import UsageError, nearest, printable
from harness.cli.table import Column, in_colour, lines, styled, table_width
from harness.plugins.registry import KINDS, Kind, Registry, registry

Row = tuple[str | tuple[str, str], str, str]
"""What `harness.cli.table.lines` takes."""


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
    """The components of a kind, family by family in the order of their appearance, under a heading each if there are
    several."""
    families: dict[str, list[Row]] = {}
    for name, spec in known.named(kind).items():
        families.setdefault(spec.family, []).append((name, spec.summary, spec.origin.distribution))
    several = len(families) > 1
    shown = [[_heading(family), *rows] if several else rows for family, rows in families.items()]
    return drawn(f"{kind}s", "what it is", list(chain.from_iterable(shown)))


def _heading(family: str) -> Row:
    return (f"{family}:", "bold"), "", ""


def drawn(title: str, what: str, rows: list[Row]) -> str:
    columns = (Column("name", "cyan", wraps=False), Column(what), Column("from", "dim", wraps=False))
    colour = in_colour()
    return "\n".join([styled(title, "bold", colour), *lines(columns, rows, table_width(), colour=colour)])
