"""Compares scores with published results of the same setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.plugins.published import Published, facts
from harness.reporting.leaderboard.grids import Cell, Grid
from harness.reporting.leaderboard.tables import Column, Row, Score, Table
from harness.reporting.leaderboard.text import clean, joined, mean_with_half_width


@dataclass(frozen=True)
class Reference:
    """A score and a published result of the same setting, and how their protocols differ."""

    row: Row
    column: Column
    score: Score
    published: Published
    differences: tuple[str, ...]


def references(table: Table, published: Sequence[Published]) -> list[Reference]:
    """In the order of rows and columns."""
    return [
        Reference(row, column, score, each, tuple(each.differences(known)))
        for row in table.rows
        for column, score in zip(table.columns, row.scores, strict=True)
        if score and (known := _facts(row, column))
        for each in published
        if each.matches(known, column.key[1])
    ]


def _facts(row: Row, column: Column) -> dict[str, object]:
    """Seeds of a row share what decides a result, so any of them that was scored tells it."""
    cell = next(cell for cell in row.cells if column.key[0] in cell.evaluations)
    return facts(cell.cell, cell.evaluations[column.key[0]].get("evaluator") or {})


def grid(found: Iterable[Reference]) -> Grid:
    """Ours, the published number, and ours less that: in points where they are percent."""
    return Grid(("method", "setting", "ours", "published", "difference"), tuple(map(_line, found)))


def _line(reference: Reference) -> tuple[Cell, ...]:
    column, interval, other = reference.column, reference.score.interval, reference.published
    gap = interval.mean - other.value
    return (
        Cell(reference.row.label),
        Cell(column.title),
        Cell(mean_with_half_width(interval.mean, interval.half_width, percent=column.percent)),
        Cell(mean_with_half_width(other.value, other.half_width, percent=column.percent)),
        Cell(f"{100 * gap:+.1f}" if column.percent else f"{gap:+.4g}"),
    )


def sources(found: Iterable[Reference]) -> list[str]:
    """A line for each source of a method: what it is, and where its protocol is another than ours."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for each in found:
        key = (each.row.label, each.published.source, each.published.note, each.differences)
        groups.setdefault(key, []).append(each.column.title)
    return [
        clean(f"Published for {label}, {joined(titles)}: {source}. {_said(differences, note)}.")
        for (label, source, note, differences), titles in groups.items()
    ]


def _said(differences: tuple[str, ...], note: str) -> str:
    parts = [f"Here {', '.join(differences)}"] if differences else []
    parts += [note[0].upper() + note[1:] if note and not parts else note] if note else []
    return "; ".join(parts) or "The same protocol, as far as it is stated"
