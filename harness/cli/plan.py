"""`harness plan`: lists the cells of a suite with their status."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from harness.base.slugs import default_results
from harness.base.wording import quantity
from harness.cli import complete
from harness.cli.listing import report
from harness.cli.table import Column, in_colour, lines, table_width
from harness.plugins.local_files import use
from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite.cell import Cell
from harness.suite.plan import AXES, Plan, selection
from harness.suite.suite import load_suite

STATUS_STYLES = {"done": "green", "running": "yellow", "interrupted": "yellow", "todo": ""}  # others are failures


def plan(
    suite: Annotated[Path, typer.Argument(help="a benchmarks.yaml", autocompletion=complete.suites)],
    budget: Annotated[
        str | None, typer.Option(metavar="NAME", help="one of the suite's `budgets`", show_default=False)
    ] = None,
    results: Annotated[Path | None, typer.Option(help="results folder", show_default="results/NAME")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=NAME[,NAME]",
            help="list only the cells that run would take, e.g. method=simclr,maml; repeatable",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """List the cells of a suite: id, what they start from or are judged by, and status.

    The status is todo, running, done, or how it failed.
    """
    use(plugin)
    known = registry()
    report(known)
    loaded = load_suite(suite, known, budget)
    planned = Plan.of(loaded).only(selection(only or []))
    statuses = Store(results or default_results(loaded.name)).statuses(planned)
    if as_json:
        cells = [{"id": id_, "status": statuses[id_], **cell.as_json()} for id_, cell in planned.cells.items()]
        print(json.dumps({"suite": loaded.name, "cells": cells}, indent=1, ensure_ascii=False))
        return
    starts = any(cell.start for cell in planned.cells.values())
    judges = any(cell.judges for cell in planned.cells.values())
    others = (*(("starts from",) if starts else ()), *(("judged by",) if judges else ()))
    names = ("id", *AXES, *others, "status")
    columns = [Column(name, wraps=name not in ("id", *others, "status")) for name in names]
    rows = [
        (
            id_,
            cell.method.label,
            cell.backbone.label,
            cell.dataset.label,
            str(cell.seed),
            *((cell.start.id if cell.start else "",) if starts else ()),
            *((" ".join(judge.id for judge in cell.judges),) if judges else ()),
            (_shown(statuses[id_], cell), STATUS_STYLES.get(statuses[id_], "red")),
        )
        for id_, cell in planned.cells.items()
    ]
    print("\n".join(lines(columns, rows, table_width(), colour=in_colour())))
    counts = Counter(statuses.values())
    each = ", ".join(f"{number} {status}" for status, number in counts.items())
    print(f"{quantity(len(statuses), 'cell')}: {each}")
    if waiting := sum(_waits(cell, statuses) for cell in planned.cells.values()):
        if judges:
            print(f"{quantity(waiting, 'cell')} cannot begin before others are trained.")
        else:
            print(f"{quantity(waiting, 'cell waits for its start', 'cells wait for their starts')}.")


def _shown(status: str, cell: Cell) -> str:
    return status if cell.scored else f"{status}, not scored"


def _waits(cell: Cell, statuses: Mapping[str, str]) -> bool:
    return statuses[cell.id] != "done" and any(statuses[each.id] != "done" for each in cell.needs)
