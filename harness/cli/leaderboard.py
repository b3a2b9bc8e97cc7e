"""`harness leaderboard`: prints the tables of a results folder, or writes them to a file or into documents."""

from __future__ import annotations

import gc
import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from harness.base.atomic_files import write_bytes
from harness.base.errors import UsageError, printable
from harness.plugins.published import Published
from harness.plugins.registry import registry
from harness.reporting.leaderboard.view import View
from harness.running.display import Output
from harness.store.records import CellRecord
from harness.store.results_folder import Store


class Format(StrEnum):
    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    html = "html"


class By(StrEnum):
    method = "method"
    backbone = "backbone"


def leaderboard(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="a results folder", show_default="the only one in results/"),
    ] = None,
    format: Annotated[  # noqa: A002 (the option's name)
        Format | None, typer.Option(help="of the output", show_default="terminal in a terminal, else markdown")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="write to this file", show_default="print")] = None,
    by: Annotated[By, typer.Option(help="what the rows compare")] = By.method,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="only this column, evaluator or metric; may be repeated", show_default=False),
    ] = None,
    pivot: Annotated[bool, typer.Option("--pivot", help="a table per metric, with a column per data set")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="only the tables of scores, without notes")] = False,
    costs: Annotated[
        bool, typer.Option("--costs", help="tables of costs as well, where they are left out: terminal, --brief")
    ] = False,
    inject: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="renew the marked leaderboards of this document", show_default=False),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="write nothing; exit code 1 if a file of --output or --inject is out of date"),
    ] = False,
) -> None:
    """Make the leaderboard of a results folder from its records."""
    from harness.reporting import leaderboard as tables  # pandas and scipy load slowly

    gc.disable()  # records hold no cycles, and to look for some among millions of values takes a third of the time
    view = View(by.value, tuple(metric or ()), pivot, brief, costs)
    if inject:
        if output or view != View() or format:
            raise UsageError(
                "--inject: give these options in the marker of the document, not on the command line; see --help."
            )
        _inject(inject, folder, verify=verify)
        return
    if verify and not output:
        raise UsageError("--verify: which file? Name it by --output FILE or --inject FILE.")
    if format is None:
        format = Format.terminal if sys.stdout.isatty() and not output else Format.markdown  # noqa: A001
    if problem := _contradiction(format, output, view):
        raise UsageError(problem)
    records, published = Store(folder or only_results()).records(), registry().published()
    if format == Format.terminal:
        _print(_on_terminal(records, published, view))
        return
    text = tables.render(records, cast("tables.Format", format.value), published, view)
    if output is None:
        _print(text)
    elif verify:
        _verify({output: text.encode()})
    else:
        write(output, text.encode())


def _contradiction(form: Format, output: Path | None, view: View) -> str:
    """What is wrong with options that exclude each other."""
    if form == Format.terminal and output:
        return "--output: a file is written as markdown, csv or html; leave out --format terminal."
    if form == Format.csv and (view.brief or view.costs):
        return "--format csv: has a line for each cell, with its costs; leave out --brief and --costs."
    return ""


def _on_terminal(records: list[CellRecord], published: Sequence[Published], view: View) -> str:
    """As `harness run` shows it: as wide as the terminal, in colour if it is one."""
    from harness.reporting.leaderboard import show
    from harness.reporting.leaderboard.tables import build

    console = Output()
    with console.capture() as shown:
        show(build(records, view), console, published, view)
    return shown.get()


def _print(text: str) -> None:
    """Print the text. Raises UsageError if the output's encoding lacks a character, rather than print replacements."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the output's encoding, {sys.stdout.encoding}, cannot write {text[error.start]!r}: "
            "set PYTHONIOENCODING=utf-8, or write to a file by --output."
        ) from error
    sys.stdout.write(text)


def _inject(documents: list[Path], folder: Path | None, *, verify: bool) -> None:
    from harness.reporting.leaderboard.inject import as_written, updated

    published = registry().published()
    made = {document: as_written(document, updated(document, published, folder)) for document in documents}
    if verify:
        _verify(made)
        return
    for document, content in made.items():
        if document.read_bytes() != content:
            write(document, content)
            print(printable(f"{document}: renewed"))


def _verify(made: dict[Path, bytes]) -> None:
    """Exit code 1 if a file holds something else, with the first line of each that is another."""
    stale = False
    for path, content in made.items():
        found = path.read_bytes() if path.exists() else b""
        if found != content:
            stale = True
            print(printable(f"{path}:{_first_difference(found, content)}: is out of date"), file=sys.stderr)
    if stale:
        command = shlex.join(["harness", *(each for each in sys.argv[1:] if each != "--verify")])
        print(printable(f"To renew: {command}"), file=sys.stderr)
        raise typer.Exit(1)


def _first_difference(one: bytes, other: bytes) -> int:
    """The number of the first line that differs."""
    pairs = zip([*one.split(b"\n"), None], [*other.split(b"\n"), None], strict=False)
    return next(number for number, (a, b) in enumerate(pairs, 1) if a != b)


def write(path: Path, content: bytes) -> None:
    """Replace a file, or write into what is none. Raises UsageError if it cannot be written."""
    try:
        if path.exists() and not path.is_file():  # a terminal, a pipe: to replace it would remove it
            path.write_bytes(content)
        else:
            write_bytes(path.resolve(), content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error


def only_results(command: str = "leaderboard") -> Path:
    """The one results folder in results/. Raises UsageError if there is none, or more than one to choose from."""
    found = sorted(cells.parent for cells in Path("results").glob("*/cells"))
    if len(found) != 1:
        what = f"which of {', '.join(map(str, found))}?" if found else "there is no results folder in results/."
        raise UsageError(f"harness {command} DIR: {what}")
    return found[0]
