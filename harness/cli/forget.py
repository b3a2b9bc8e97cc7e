"""`harness forget`: removes cells from a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import UsageError, nearest, printable
from harness.base.wording import quantity
from harness.cli.listing import report
from harness.plugins.local_files import use
from harness.plugins.registry import registry
from harness.store.records import CellRecord
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite


def forget(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a results folder", show_default=False)],
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="ids of cells, or the beginnings of ids", show_default=False),
    ] = None,
    not_in: Annotated[
        Path | None,
        typer.Option(metavar="SUITE", help="all cells that this suite does not ask for", show_default=False),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="NAME", help="with --not-in: one of the suite's `budgets`", show_default=False)
    ] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="with --not-in: try a plugin that is not installed", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="remove them; without it, they are only listed")] = False,
) -> None:
    """Remove cells with their records, models and logs."""
    if bool(ids) == bool(not_in):
        raise UsageError("forget: give the ids of cells, or a suite by --not-in.")
    use(plugin)
    store = Store(folder)
    begun = sorted(store.begun())
    if not begun:
        raise UsageError(f"{folder}: holds no results.")
    chosen = _outside(begun, not_in, budget) if not_in else [_one(each, begun) for each in ids or ()]
    known = {record.id: record for record in store.records()}
    kept = [record for record in known.values() if record.id not in chosen]
    for id_ in chosen:
        others = sum(id_ in (each["id"] for each in record.cell.get("starts") or ()) for record in kept)
        said = f"  ({quantity(others, 'that is kept starts', 'that are kept start')} from it)"
        typer.echo(printable(f"{id_}  {_name(known.get(id_))}{said if others else ''}"))
    every = quantity(len(begun), "cell")
    if not yes:
        typer.echo(f"{len(chosen)} of {every}. Nothing is removed yet: add --yes to remove them.")
        return
    held = [id_ for id_ in chosen if not store.forget(id_)]
    typer.echo(f"{len(chosen) - len(held)} of {every} removed.")
    if held:
        raise UsageError(
            f"{', '.join(held)}: not removed, because another run is running {'it' if len(held) == 1 else 'them'} now."
        )


def _outside(begun: list[str], suite: Path, budget: str | None) -> list[str]:
    found = registry()
    report(found)
    asked = Plan.of(load_suite(suite, found, budget)).cells
    return [id_ for id_ in begun if id_ not in asked]


def _one(start: str, begun: list[str]) -> str:
    found = [id_ for id_ in begun if id_.startswith(start)]
    if not found:
        raise UsageError(f"there is no cell '{start}'.{nearest(start, begun) if len(begun) < 20 else ''}")
    if len(found) > 1:
        raise UsageError(f"'{start}' is the beginning of {len(found)} ids: {', '.join(found[:5])}.")
    return found[0]


def _name(record: CellRecord | None) -> str:
    if record is None:
        return "no record that can be read"
    cell = record.cell
    return " · ".join(
        [*(str(cell[axis]["label"]) for axis in ("method", "backbone", "dataset")), f"seed {cell['seed']}"]
    )
