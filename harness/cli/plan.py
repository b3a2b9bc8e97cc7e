"""`harness plan`: the cells of a suite and what is left of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.list import report
from harness.config import load_suite
from harness.naming import default_results
from harness.plan import Plan
from harness.registry import registry
from harness.store import Store

STYLES = {"done": "green", "failed": "red", "running": "yellow", "todo": ""}


def plan(
    suite: Annotated[Path, typer.Argument(help="a benchmarks.yaml")],
    results: Annotated[
        Path | None, typer.Option(help="results folder  [default: results/NAME]", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the cells of a suite with id and status (todo, running, done, failed)."""
    loaded = load_suite(suite, registry())
    planned = Plan.of(loaded)
    statuses = Store(results or default_results(loaded.name)).statuses(planned)
    if as_json:
        cells = [{"id": id_, "status": statuses[id_], **cell.as_json()} for id_, cell in planned.cells.items()]
        print(json.dumps({"suite": loaded.name, "cells": cells}, indent=1, ensure_ascii=False))
        return
    console = Console(markup=False)
    table = Table(box=None, pad_edge=False)
    for column in ("id", "method", "backbone", "dataset", "seed", "status"):
        table.add_column(column, no_wrap=column in ("id", "status"))
    for id_, cell in planned.cells.items():
        status = statuses[id_]
        labels = (cell.method.label, cell.backbone.label, cell.dataset.label)
        table.add_row(id_, *map(Text, labels), str(cell.seed), Text(status, STYLES[status]))
    console.print(table)
    counts = Counter(statuses.values())
    console.print(f"{len(statuses)} cells: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
    report(registry())
