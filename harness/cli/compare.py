"""`harness compare`: shows what changed between two runs, and which changes are significant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli.gating import file_in_a_folder, gate_of, run_of, tell


def compare(
    before: Annotated[Path, typer.Argument(metavar="DIR_A", help="a results folder")],
    after: Annotated[Path, typer.Argument(metavar="DIR_B", help="another results folder")],
    gate: Annotated[
        Path | None, typer.Option(metavar="SUITE", help="the suite whose tolerances apply", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            callback=file_in_a_folder, metavar="FILE", help="write the report as Markdown", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option(
            "--json", callback=file_in_a_folder, metavar="FILE", help="write the report as JSON", show_default=False
        ),
    ] = None,
) -> None:
    """Compare two results folders by the gate's tests. The exit code is 0 even if they differ."""
    from harness.reporting.gate.report import report

    found = report(run_of(before), run_of(after), gate_of(gate), everything=True)
    tell(found, Console(highlight=False, markup=False), markdown=markdown, as_json=as_json)
