"""Collects the content of the page and fills in its template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.plugins.published import Published
from harness.reporting.leaderboard.across import rankings, said
from harness.reporting.leaderboard.grids import Grid, costs, scores
from harness.reporting.leaderboard.notes import has_failed, notes
from harness.reporting.leaderboard.pairwise import TITLE, grid, pairwise
from harness.reporting.leaderboard.provenance import provenance
from harness.reporting.leaderboard.reading import HEADING, how_to_read
from harness.reporting.leaderboard.reading import pairs as pairs_reading
from harness.reporting.leaderboard.references import grid as reference_grid
from harness.reporting.leaderboard.references import references, sources
from harness.reporting.leaderboard.tables import Table, build
from harness.reporting.leaderboard.text import clean, joined
from harness.reporting.page.again import command, suite
from harness.reporting.page.along import along
from harness.reporting.page.cost import cost
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.learning import learning
from harness.reporting.page.numbered import numbered
from harness.reporting.page.ranks import diagram
from harness.reporting.page.shots import shots
from harness.reporting.page.shown import shown
from harness.reporting.page.spread import over_seeds, over_units
from harness.reporting.page.style import MOST, Picture
from harness.store.records import CellRecord


@dataclass(frozen=True)
class Group:
    """Figures that belong together."""

    title: str
    pictures: list[Picture]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """One table of comparable rows, with all that belongs to it."""

    title: str
    board: Grid
    notes: list[str]
    published: Grid | None
    groups: list[Group]
    pairs: Grid | None
    pairs_reading: str
    provenance: list[str]
    again: list[tuple[str, str, str]]  # label, command, suite


@dataclass(frozen=True)
class Failed:
    """A cell whose last attempt did not end well."""

    row: str
    table: str
    seed: str
    status: str
    message: str
    log: str


def page(records: Sequence[CellRecord], folder: Path, published: Sequence[Published], *, features: bool) -> str:
    tables, book = build(records), Sketchbook()
    across = [(each.title, diagram(each, book), said(each)) for each in rankings(tables)]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        name=clean(folder.resolve().name),
        facts=_facts(records, tables),
        heading=HEADING,
        how_to_read=how_to_read(tables),
        across=across,
        parts=[_part(table, folder, published, book, features) for table in tables],
        failed=[failed for table in tables for failed in _failed(table)],
        most=MOST,
        pairs_title=TITLE,
        style=Markup(_file("page.css")),
        script=Markup(_file("page.js")),
    )


def _file(name: str) -> str:
    return files("harness.reporting.page").joinpath(name).read_text(encoding="utf-8")


def _facts(records: Sequence[CellRecord], tables: Sequence[Table]) -> list[tuple[str, str]]:
    """What there is, in words and numbers."""
    statuses = Counter((record.failure or {}).get("status", "failed") if record.failure else "" for record in records)
    scored = sum(bool(record.evaluations) for record in records)
    failed = ", ".join(f"{count} {clean(status, 40)}" for status, count in sorted(statuses.items()) if status)
    started = sorted(
        str(each["started"])[:10] for record in records for each in _origins(record) if each.get("started")
    )
    facts = [
        ("cells", f"{len(records):,}"),
        ("with scores", f"{scored:,}"),
        ("ended badly", failed or "none"),
        ("suites", clean(joined(record.cell.get("suite") for record in records), 200)),
        *((f"{kind}s", str(len({str(r.cell[kind]["name"]) for r in records}))) for kind in ("method", "backbone")),
        ("data sets", str(len({str(record.cell["dataset"]["name"]) for record in records}))),
        ("seeds", str(max((len(table.seeds) for table in tables), default=0))),
        ("run", " to ".join(dict.fromkeys((*started[:1], *started[-1:])))),
    ]
    return [fact for fact in facts if records and fact[1]]


def _origins(record: CellRecord) -> list[dict[str, object]]:
    stages = [record.training, *record.evaluations.values()]
    return [dict(stage["provenance"]) for stage in stages if stage and stage.get("provenance")]


def _part(table: Table, folder: Path, published: Sequence[Published], book: Sketchbook, features: bool) -> Part:
    found, pairs = references(table, published), pairwise(table)
    groups = [
        Group("Scores against cost and shots", [*cost(table, book), *shots(table, book), *numbered(table, book)]),
        Group("Shown by evaluators", shown(table, folder, book)),
        Group("Scores while training", along(table, folder, book)),
        Group("Learning curves", *learning(table, folder, book)),
        Group("Over seeds", over_seeds(table, book)),
        Group("Within seeds", over_units(table, folder, book)),
    ]
    if features:
        from harness.reporting.page.features import features as drawn  # imports torch

        groups.append(Group("Features", *drawn(table, folder, book)))
    return Part(
        table.title,
        _beside(scores(table), costs(table)),
        [*notes(table), *sources(found)],
        reference_grid(found) if found else None,
        [group for group in groups if group.pictures or group.notes],
        grid(pairs) if pairs else None,
        pairs_reading(table),
        provenance(table),
        [(row.label, command(row), suite(table, row)) for row in table.rows],
    )


def _beside(left: Grid, right: Grid) -> Grid:
    """One grid of two with the same rows: a sortable table has all that it may be sorted by."""
    rows = tuple((*one, *other[1:]) for one, other in zip(left.rows, right.rows, strict=True))
    return Grid((*left.headers, *right.headers[1:]), rows)


def _failed(table: Table) -> list[Failed]:
    return [
        Failed(
            row.label,
            table.title,
            str(cell.cell["seed"]),
            clean(cell.failure.get("status", "failed"), 40),
            clean(cell.failure.get("message") or "no message"),
            clean(cell.failure.get("log") or f"cells/{cell.id}", 200),
        )
        for row in table.rows
        for cell in row.cells
        if cell.failure and has_failed(cell)
    ]
