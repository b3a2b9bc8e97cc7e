"""`harness doctor`: checks an installation and says what to do; the exit code is 1 if something is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.base.errors import printable
from harness.base.wording import quantity
from harness.cli.doctor import examine
from harness.cli.doctor.finding import Finding
from harness.plugins.registry import registry


def doctor(
    results: Annotated[Path, typer.Option(help="where runs put their results")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check environment, devices, plugins, data and storage, and say what to do about problems."""
    findings = list(examine(registry(), results))
    wrong = sum(bool(each.advice) for each in findings)
    if as_json:
        print(json.dumps({"wrong": wrong, "findings": list(map(asdict, findings))}, indent=1, ensure_ascii=False))
    else:
        show(findings)
        print(f"\n{quantity(wrong, 'thing is', 'things are') if wrong else 'Nothing is'} wrong.")
    raise typer.Exit(1 if wrong else 0)


def show(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    width = max(len(each.what) for each in findings)
    for area, of_area in groupby(findings, lambda each: each.area):
        table = Table(title=area, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
        table.add_column(width=5)
        table.add_column(style="cyan", width=min(width, 20), overflow="fold")
        table.add_column(overflow="fold")
        for each in of_area:
            mark = Text("wrong", "bold red") if each.advice else Text("ok", "green")
            text = Text(printable(each.found))
            if each.advice:
                text.append(f"\n→ {printable(each.advice)}", "yellow")
            table.add_row(mark, Text(printable(each.what)), text)
        console.print(table)
