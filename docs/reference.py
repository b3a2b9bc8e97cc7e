"""Keeps what a results folder says as a reference: the records without models and logs, the losses with fewer points,
and the leaderboard.

`uv run python docs/reference.py RESULTS NAME` writes results/reference/NAME.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from harness.plugins.registry import registry
from harness.reporting import leaderboard
from harness.store.results_folder import Store

REFERENCES = Path(__file__).parent.parent / "results" / "reference"
KEPT = ("cell.json", "training.json", "curve.jsonl", "evaluations/*.json")
POINTS = 100  # of a curve


def keep(results: Path, reference: Path) -> None:
    """Copy the records of all cells that are trained and scored, and write their leaderboard."""
    for cell in sorted((results / "cells").iterdir()):
        files = [file for pattern in KEPT for file in cell.glob(pattern)]
        if any(file.parent.name == "evaluations" for file in files):
            for file in files:
                target = reference / file.relative_to(results)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            thin(cell / "steps.jsonl", reference / "cells" / cell.name / "steps.jsonl")
    table = leaderboard.render(Store(reference).records(), "markdown", registry().published())
    (reference / "leaderboard.md").write_text(table, encoding="utf-8")


def thin(steps: Path, to: Path) -> None:
    """Copy evenly spaced lines, among them the last."""
    lines = steps.read_bytes().splitlines(keepends=True) if steps.exists() else []
    if lines:
        to.write_bytes(b"".join(lines[:: -(len(lines) // POINTS + 1)][::-1]))


if __name__ == "__main__":
    keep(Path(sys.argv[1]), REFERENCES / sys.argv[2])
