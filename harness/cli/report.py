"""`harness report`: writes a results folder as one HTML page."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import UsageError
from harness.cli.leaderboard import only_results, write
from harness.plugins.registry import registry
from harness.store.results_folder import Store


def report(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="a results folder", show_default="the only one in results/"),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="write to this file", show_default="DIR/report.html")] = None,
    features: Annotated[
        bool, typer.Option("--features", help="draw features of test images as well: loads models and data")
    ] = False,
) -> None:
    """Make one HTML page of a results folder, to open from disk, send or print."""
    from harness.reporting.page import render

    folder = folder or only_results("report")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder.")
    gc.disable()  # as for a leaderboard
    store = Store(folder)
    records = store.records() if store.begun() else []
    text = render(records, folder, registry().published(), features=features)
    path = output or folder / "report.html"
    write(path, text.encode())
    typer.echo(f"Report: {path}")
