"""`harness leaderboard`: the tables of a results folder."""

from __future__ import annotations

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.files import write_bytes
from harness.registry import registry
from harness.store import Store


class Format(StrEnum):
    markdown = "markdown"
    csv = "csv"
    html = "html"


def leaderboard(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="a results folder  [default: the only one in results/]", show_default=False
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="of the output")] = Format.markdown,  # noqa: A002 (the option's name)
    output: Annotated[
        Path | None, typer.Option(help="write to this file  [default: print]", show_default=False)
    ] = None,
) -> None:
    """Make the leaderboard of a results folder from its records."""
    from harness import leaderboard as tables  # pandas and scipy load slowly

    gc.disable()  # records hold no cycles, and to look for some among millions of values takes a third of the time
    text = tables.render(Store(folder or only_results()).records(), format.value, registry().published())
    if output is None:
        sys.stdout.write(text)
        return
    try:
        if output.exists() and not output.is_file():  # a terminal, a pipe: to replace it would remove it
            output.write_bytes(text.encode())
        else:
            write_bytes(output.resolve(), text.encode())
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}.") from error


def only_results() -> Path:
    """The one results folder in results/. Raises UsageError if there is none, or more than one to choose from."""
    found = sorted(cells.parent for cells in Path("results").glob("*/cells"))
    if len(found) != 1:
        what = f"which of {', '.join(map(str, found))}?" if found else "there is no results folder in results/."
        raise UsageError(f"harness leaderboard DIR: {what}")
    return found[0]
