"""`harness list`: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import UsageError, nearest
from harness.registry import KINDS, Kind, Registry, registry


def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="method, backbone, dataset, evaluator or executor", show_default=False)
    ] = None,
) -> None:
    """List the components that plugins registered."""
    kinds = KINDS if kind is None else tuple(each for each in KINDS if kind in (each, f"{each}s"))
    if not kinds:
        raise UsageError(f"there is no kind '{kind}'.{nearest(kind or '', KINDS)}")
    console = Console()
    known = registry()
    for each in kinds:
        console.print(_table(each, known))
    report(known)


def report(known: Registry) -> None:
    """Say on standard error which plugins are not in use, and why."""
    for problem in known.problems:
        Console(stderr=True).print(f"warning: {problem}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _table(kind: Kind, known: Registry) -> Table:
    table = Table(title=f"{kind}s", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("name", style="cyan", no_wrap=True)
    table.add_column("what it is")
    table.add_column("from", style="dim", no_wrap=True)
    for spec in known.all(kind):
        table.add_row(*map(Text, (spec.name, spec.summary, spec.origin.distribution)))
    return table
