"""The summary of a report, which all formats share."""

from __future__ import annotations

from harness.base.wording import quantity
from harness.reporting.gate.report import Report
from harness.reporting.leaderboard.text import amount
from harness.reporting.significance import least_spreads


def reading(report: Report) -> str:
    return (
        "Accuracies in %. p: of a one-sided t-test over seeds, adjusted for all rows (Holm). Regressed: worse by "
        f"more than the tolerance, with p < {report.alpha:g}. Suspicious: better by more "
        "than the ceiling, likewise, or better than a bound of its own." + sight(report)
    )


def sight(report: Report) -> str:
    """How large a change of a paired row must be: few seeds and many rows see little, and should say so."""
    tested = [row for row in report.rows if row.p is not None]
    seeds = min((row.seeds for row in tested if row.paired), default=0)
    if not seeds:
        return ""
    least = amount(least_spreads(seeds, len(tested), report.alpha))
    where = "" if all(row.paired for row in tested) else ", where seeds are paired,"
    return (
        f" With {quantity(len(tested), 'test')} and {quantity(seeds, 'seed')} that takes{where} a change of {least} "
        "standard deviations of its differences over seeds."
    )


def verdict(report: Report) -> str:
    return f"{report.suite}: {report.summary or 'nothing could be compared'}."
