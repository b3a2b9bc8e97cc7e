"""`harness check`: compares a run with a baseline and sets the exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.base.atomic_files import DamagedError
from harness.base.errors import UsageError, printable
from harness.cli.gating import file_in_a_folder, gate_of, run_of, run_suite, tell, tell_actions
from harness.cli.run import more_than_nothing
from harness.plugins.local_files import use
from harness.running.run_options import RunOptions
from harness.running.supervisor import Limits

if TYPE_CHECKING:
    from harness.reporting.gate.report import Report
    from harness.reporting.gate.snapshot import Snapshot


def check(
    target: Annotated[Path, typer.Argument(metavar="DIR|SUITE", help="a results folder, or a suite to run first")],
    baseline: Annotated[Path, typer.Option(help="made by 'harness baseline'", show_default=False)],
    results: Annotated[
        Path | None, typer.Option(help="for a suite: results folder", show_default="results/NAME")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="NAME", help="for a suite: one of its `budgets`", show_default=False)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="for a suite: remove its results first, and run all again")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="for a suite: auto, cpu, cuda or cuda:N", show_default="auto")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="for a suite: cells at a time", show_default=False)] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            callback=more_than_nothing, metavar="N", help="for a suite: threads of each cell", show_default=False
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            callback=more_than_nothing,
            metavar="SECONDS",
            help="for a suite: end a cell that takes longer",
            show_default=False,
        ),
    ] = None,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="for a suite: try a plugin that is not installed", show_default=False),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option(metavar="SUITE", help="for a folder: the suite whose tolerances apply", show_default=False),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            callback=file_in_a_folder, metavar="FILE", help="write the report as Markdown", show_default=False
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(
            callback=file_in_a_folder, metavar="FILE", help="write the report as JUnit XML", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option(
            "--json", callback=file_in_a_folder, metavar="FILE", help="write the report as JSON", show_default=False
        ),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="accept scores that are suspiciously better")] = False,
    update: Annotated[bool, typer.Option("--update", help="then replace the baseline by this run")] = False,
) -> None:
    """Check a run against a baseline.

    Exit codes: 0 fine; 1 regressed, suspicious, missing or failed; 2 a mistake in command or suite; 3 not comparable.
    """
    from harness.reporting.gate.baseline import save
    from harness.reporting.gate.report import FINE, report

    if target.is_dir() and (results or budget or fresh or device or workers or threads or timeout):
        raise UsageError(f"{target} is a results folder, so nothing is run: the options of runs need a suite.")
    if gate and not target.is_dir():
        raise UsageError("--gate is for a results folder; a suite has its own tolerances.")
    use(plugin)
    before = _baseline(baseline)
    if target.is_dir():
        tolerances, after = gate_of(gate), run_of(target)
    else:
        options = RunOptions(fresh=fresh, limits=Limits(timeout, None))
        tolerances, after = run_suite(target, budget, results, options, device or "auto", workers, threads)
    found = report(before, after, tolerances, accept=accept)
    console = Console(highlight=False, markup=False)
    tell(found, console, markdown=markdown, junit=junit, as_json=as_json)
    tell_actions(found)
    if update:
        _nothing_missing(found, baseline)
        save(baseline, after)
        console.print(f"{baseline} now holds this run.", soft_wrap=True)
    raise typer.Exit(FINE if update else found.code)


def _nothing_missing(found: Report, baseline: Path) -> None:
    """Raises UsageError if the baseline has rows that this run lacks, as an update would silently drop them."""
    missing = [row.name for row in found.rows if row.verdict == "missing"]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"{baseline}: not updated, because this run lacks rows that it has: {missing[0]}{more}. "
            f"If this is intended, make a new baseline with 'harness baseline DIR --output {baseline}'."
        )


def _baseline(path: Path) -> Snapshot:
    """Read the baseline. Leaves with exit code 3 if it is damaged, because then nothing can be compared."""
    from harness.reporting.gate.baseline import load
    from harness.reporting.gate.report import UNKNOWN

    try:
        return load(path)
    except DamagedError as damage:
        advice = f"take it from version control, or make it again with 'harness baseline DIR --output {path}'"
        print(printable(f"harness: {path}: is damaged ({damage.reason}): {advice}."), file=sys.stderr)
        raise typer.Exit(UNKNOWN) from damage
