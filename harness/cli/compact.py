"""`harness compact`: copies the records of finished cells into few files, which are faster to read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.cli.leaderboard import only_results
from harness.store.results_folder import Store


def compact(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="a results folder", show_default="the only one in results/"),
    ] = None,
) -> None:
    """Copy the small files of finished cells into few large ones, from which all cells are read faster."""
    folder = folder or only_results("compact")
    store = Store(folder)
    if not store.begun():
        raise UsageError(f"{folder}: holds no results.")
    store.sweep()
    for message in store.copies.repair():
        typer.echo(message, err=True)
    copied = sum(store.compact())
    copies = len(store.copies.valid())
    typer.echo(f"{quantity(copied, 'cell')} copied; {copies:,} of {len(store.begun()):,} are read from copies.")
