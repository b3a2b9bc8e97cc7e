"""What `check` and `compare` share: reading two runs, and printing the comparison."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from harness.base.atomic_files import write_bytes
from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.cli.listing import report as report_problems
from harness.cli.run import conclude, execute
from harness.plugins.registry import registry
from harness.running.display import Output
from harness.running.run_options import RunOptions
from harness.store.results_folder import Store
from harness.suite.suite import load_suite
from harness.suite.tolerances import Gate

if TYPE_CHECKING:
    from harness.reporting.gate.report import Report
    from harness.reporting.gate.snapshot import Snapshot

SUMMARY = "GITHUB_STEP_SUMMARY"  # GitHub Actions: a file whose Markdown is shown with the run


def gate_of(suite: Path | None) -> Gate:
    """The tolerances of a suite, or the defaults."""
    return load_suite(suite, registry()).gate if suite else Gate()


def run_of(folder: Path) -> Snapshot:
    """What a results folder holds; nothing, if it is empty or all damaged. Raises UsageError if there is no folder."""
    from harness.reporting.gate.snapshot import snapshot

    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder.")
    return snapshot(Store(folder).records_if_any(), str(folder))


def run_suite(
    file: Path,
    budget: str | None,
    results: Path | None,
    options: RunOptions,
    device: str,
    workers: int | None,
    threads: int | None,
) -> tuple[Gate, Snapshot]:
    """Run what is left of a suite; its tolerances, and what it asks for of the results folder."""
    from harness.reporting.gate.snapshot import snapshot

    known, console, started = registry(), Output(), time.monotonic()
    report_problems(known)
    suite = load_suite(file, known, budget)
    finished = execute(
        suite, console, results=results, options=options, device=device, workers=workers, threads=threads
    )
    conclude(finished, console, started)
    if finished.reused:
        console.print(
            f"{quantity(finished.reused, 'cell was', 'cells were')} done before, by the same versions; if code has "
            "changed since, run with --fresh.",
            soft_wrap=True,
        )
    return suite.gate, snapshot(finished.records, str(file))


def tell(
    found: Report,
    console: Console,
    *,
    markdown: Path | None = None,
    junit: Path | None = None,
    as_json: Path | None = None,
) -> None:
    """On the terminal, and in the files that are asked for."""
    from harness.reporting.gate.json import to_json
    from harness.reporting.gate.junit import to_junit
    from harness.reporting.gate.markdown import to_markdown
    from harness.reporting.gate.terminal import to_console

    to_console(found, console)
    if markdown:
        write_bytes(markdown, to_markdown(found).encode())
    if junit:
        write_bytes(junit, to_junit(found))
    if as_json:
        write_bytes(as_json, to_json(found))


def tell_actions(found: Report) -> None:
    """In GitHub Actions: annotations, and the report as the summary of the step."""
    from harness.reporting.gate.actions import commands
    from harness.reporting.gate.markdown import to_markdown

    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(*commands(found), sep="\n", flush=True)
    if summary := os.environ.get(SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(to_markdown(found))


def file_in_a_folder(path: Path | None) -> Path | None:
    """Raises UsageError, before anything runs, for a file that could not be written afterwards."""
    if path is not None and path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of a file.")
    return path
