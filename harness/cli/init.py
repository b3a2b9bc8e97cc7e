"""`harness init`: writes a first suite."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from shlex import quote
from string import Template
from textwrap import wrap
from typing import Annotated

import typer

from harness.base.errors import UsageError
from harness.cli.listing import report
from harness.cli.scoring.arguments import flow
from harness.plugins.registry import Kind, Registry, registry
from harness.suite.suite import suite_of

WANTED: dict[Kind, dict[str, str]] = {  # what a first suite has, as far as it is installed, and how it is written
    "method": {"protonet": "protonet", "simclr": "simclr", "untrained": "untrained"},
    "backbone": {"conv4": "{use: conv4, variant: stride}"},
    "dataset": {"glyphs": "glyphs"},
    "evaluator": {
        "knn": "knn: {k: 20}",
        "linear": "linear: {}",
        "fewshot": "5-way 1-shot: {use: fewshot, ways: 5, shots: 1, queries: 10, episodes: 500}",
    },
}
COLUMN = 36  # where comments begin
WIDTH = 120


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="file to write; an existing file is kept")] = Path(
        "benchmarks.yaml"
    ),
) -> None:
    """Write a first suite, with comments, from the installed components."""
    known = registry()
    report(known)
    text = first_suite(file.stem, known)
    suite_of(text, file, known)  # before it is written: a stranger's component may have a name that it uses
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise UsageError(f"{error.filename}: already exists; nothing was written.") from error
    except OSError as error:
        raise UsageError(f"{error.filename or file}: cannot be written: {error.strerror}.") from error
    print(f"Wrote {file}\nNext: harness plan {quote(str(file))} && harness run {quote(str(file))}")


def first_suite(name: str, known: Registry) -> str:
    """Raises UsageError if nothing of what it needs is installed."""
    template = files("harness.cli") / "templates" / "suite.yaml.template"
    values = {kind: "\n".join(_lines(kind, known)) for kind in WANTED}
    others = {f"other_{kind}s": _others(kind, known) for kind in WANTED}
    return Template(template.read_text(encoding="utf-8")).substitute(name=flow(name), **values, **others)


def _lines(kind: Kind, known: Registry) -> Iterator[str]:
    """Those of its kind that are installed, each with what it is."""
    found = {name: written for name, written in WANTED[kind].items() if known.find(kind, name)}
    if not found:
        raise UsageError(f"a first suite needs one of these {kind}s, but none is installed: {', '.join(WANTED[kind])}.")
    for name, written in found.items():
        line = f"  {written}" if kind == "evaluator" else f"  - {written}"
        told = f"{line:<{COLUMN - 1}} # {known.get(kind, name).summary}"
        yield told if len(told) <= WIDTH else line


def _others(kind: Kind, known: Registry) -> str:
    """A comment with what else of its kind is installed."""
    names = ", ".join(name for name in known.named(kind) if name not in WANTED[kind]) or "nothing else"
    return "\n".join(wrap(f"installed as well: {names}", WIDTH, initial_indent="  # ", subsequent_indent="  #   "))
