"""Writes annotations for GitHub Actions as lines of standard output (its "workflow commands")."""

from __future__ import annotations

from harness.reporting.gate.report import FINE, Report
from harness.reporting.gate.summary import verdict
from harness.reporting.gate.text import line


def commands(report: Report) -> list[str]:
    """An error for each alarm, or one if nothing could be compared; none if all is well."""
    said: list[tuple[str, str]] = [(row.verdict, line(row)) for row in report.alarms]
    if not said and report.code != FINE:
        said = [("nothing comparable", verdict(report))]
    return [f"::error title={_property(f'harness check: {title}')}::{_data(text)}" for title, text in said]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
