"""Formats the cells of a row as text, which all formats share."""

from __future__ import annotations

from harness.base.wording import quantity
from harness.reporting.gate.rows import COMPARED, Row
from harness.reporting.leaderboard.text import MISSING, amount

HEADERS = ("method", "metric", "before", "after", "change", "p", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """One for each header."""
    if row.before is None or row.after is None or row.change is None:
        return row.key[2], row.title, MISSING, MISSING, MISSING, MISSING, row.verdict
    p = MISSING if row.p is None else probability(row.p)
    return row.key[2], row.title, value(row, row.before), value(row, row.after), change(row), p, row.verdict


def value(row: Row, number: float) -> str:
    """Accuracies in %."""
    return amount(number) if row.is_ratio else f"{100 * number:.1f}" if row.percent else f"{number:.4g}"


def change(row: Row) -> str:
    """Points, the metric's own unit, or a ratio: '-1.2', '×0.97'."""
    number = row.change or 0.0
    return f"×{number:.2f}" if row.is_ratio else f"{100 * number:+.1f}" if row.percent else f"{number:+.3g}"


def probability(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def line(row: Row) -> str:
    """A row in one line: 'regressed: simclr · conv4 · glyphs: knn 34.6 → 12.1 (-22.5 points, p .004, 5 seeds)'."""
    if row.verdict not in COMPARED or row.before is None or row.after is None:
        return f"{row.verdict}: {row.name}" + (f" ({row.why})" if row.why else "")
    unit = " points" if row.percent else ""
    said = [f"{change(row)}{unit}", "" if row.p is None else f"p {probability(row.p)}"]
    said += [quantity(row.seeds, "seed"), row.why]
    facts = ", ".join(filter(None, said))
    return f"{row.verdict}: {row.name} {value(row, row.before)} → {value(row, row.after)} ({facts})"
