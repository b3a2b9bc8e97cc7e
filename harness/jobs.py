"""The command line of a job, as every executor runs it: `harness cell PLAN ID` or `harness prepare PLAN`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.interval import Interval
from harness.memory import use_huge_pages

PREPARE = "prepare"
CELL = "cell"


def main(arguments: Sequence[str]) -> int:
    """Run one job; its exit code."""
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    for name in (PREPARE, CELL):
        job = jobs.add_parser(name)
        job.add_argument("plan", type=Path)
        if name == CELL:
            job.add_argument("id")
            job.add_argument("--attempt", type=Path, required=True)
            job.add_argument("--profile", action="store_true")
            job.add_argument("--checkpoint-every", type=Interval.parse, default=Interval(seconds=60.0))
        job.add_argument("--device", default="cpu")
        job.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    use_huge_pages()
    from harness.cell import prepare, run_cell  # imports torch

    try:
        if given.job == PREPARE:
            return prepare(given.plan)
        return run_cell(
            given.plan,
            given.id,
            given.device,
            given.threads,
            given.attempt,
            profile=given.profile,
            every=given.checkpoint_every,
        )
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
