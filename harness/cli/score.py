"""`harness score`: scores existing encoders, without a suite."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.base.atomic_files import write_bytes
from harness.base.errors import UsageError
from harness.base.slugs import default_results
from harness.cli import complete
from harness.cli.listing import report
from harness.cli.run import conclude, execute, publish
from harness.cli.scoring.evaluators import EVALUATORS
from harness.cli.scoring.suite import Asked, in_arguments, lines_of, name_of
from harness.plugins.registry import registry
from harness.running.display import Output
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import suite_of

SUITE = "benchmarks.yaml"  # in the results folder


def score(
    encoders: Annotated[
        list[str],
        typer.Argument(
            metavar="ENCODER",
            help="each a FILE of weights, BACKBONE:FILE, or a model of a library, LIBRARY:MODEL[:WEIGHTS]",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(help="a data set's name, or a folder or file that one reads", autocompletion=complete.datasets),
    ],
    evaluators: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME]",
            help="evaluators, separated by commas; few-shot episodes are written '5-way 1-shot'",
            autocompletion=complete.evaluators,
        ),
    ] = EVALUATORS,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="the network that a FILE holds the weights of; LIBRARY:MODEL for a library's",
            show_default=False,
            autocompletion=complete.backbones,
        ),
    ] = None,
    results: Annotated[Path | None, typer.Option(help="results folder", show_default="results/score-DATA")] = None,
    size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="height and width of pictures from files", show_default="the data set's"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N", autocompletion=complete.devices)] = "auto",
) -> None:
    """Score existing encoders: files of weights, and pretrained models of libraries. No suite is needed."""
    started = time.monotonic()
    known = registry()
    report(known)
    lines = lines_of(Asked(encoders, data, evaluators, backbone, size), known)
    text = "".join(f"{line.text}\n" for line in lines)
    folder = results if results is not None else default_results(name_of(data))
    file, console = folder / SUITE, Output()

    def words(message: str) -> str:
        return in_arguments(message, file, lines)

    try:
        suite = suite_of(text, file, known)
        workers = 1 if len(encoders) == 1 else None  # one cell has all cores
        finished = execute(suite, console, words, results=folder, device=device, workers=workers)
    except UsageError as error:
        raise UsageError(words(str(error))) from error  # nothing was begun, so no suite is written
    except typer.Exit:  # interrupted: `harness run` with this suite continues, as the same command does
        write_suite(file, text)
        raise
    kept = write_suite(file, text)
    show(finished.plan, Store(folder), console)
    again = f"harness run {shlex.quote(str(file))} --results {shlex.quote(str(folder))}"
    console.print(f"Suite: {file}, to extend and run: {again}", soft_wrap=True)
    if kept:
        console.print(f"The suite that was there is now {kept}.", soft_wrap=True)
    raise typer.Exit(1 if conclude(finished, console, started) else 0)


def write_suite(file: Path, text: str) -> Path | None:
    """Another suite that is there, which may have been changed by hand, gets another name: that name."""
    content, kept = text.encode(), None
    if file.exists() and file.read_bytes() != content:
        kept = _free(file)
        file.rename(kept)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, content)
    return kept


def _free(file: Path) -> Path:
    """benchmarks-1.yaml, or the first further one that is not there, or that has the same content."""
    content, number = file.read_bytes(), 1
    while (kept := file.with_stem(f"{file.stem}-{number}")).exists() and kept.read_bytes() != content:
        number += 1
    return kept


def show(plan: Plan, store: Store, console: Console) -> None:
    """Encoders as rows: those of this plan, and all that were scored before on the same data in the same folder."""
    from harness.reporting.leaderboard.tables import build  # pandas and scipy load slowly
    from harness.reporting.leaderboard.view import View

    tables = build(store.records(), View("backbone"))
    publish([table for table in tables if any(cell.id in plan.cells for cell in table.cells)], store, console)
