"""Writes a report as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from harness.reporting.gate.report import Report
from harness.reporting.gate.rows import Row
from harness.reporting.gate.text import line


def to_json(report: Report) -> bytes:
    """What a report has, row by row, each in one line of text as well."""
    whole = {
        "suite": report.suite,
        "exit_code": report.code,
        "summary": report.summary,
        "alpha": report.alpha,
        "notes": list(report.notes),
        "rows": list(map(_row, report.rows)),
    }
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def _row(row: Row) -> dict[str, Any]:
    axes = dict(zip(("dataset", "backbone", "method"), row.key, strict=True))
    rest = {key: value for key, value in asdict(row).items() if key != "key"}
    return {"name": row.name, **axes, **rest, "text": line(row)}
