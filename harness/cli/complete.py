"""Shell completion of kinds, names, suites and plugins. It imports no component."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from harness.cli.scaffold import NEW
from harness.plugins.manager import distribution, found
from harness.plugins.registry import KINDS, Kind, registry

SUITES = (".yaml", ".yml")


def beginning(incomplete: str, known: Iterable[str]) -> list[str]:
    return [each for each in known if each.startswith(incomplete)]


def kinds(incomplete: str) -> list[str]:
    return beginning(incomplete, KINDS)


def new_kinds(incomplete: str) -> list[str]:
    return beginning(incomplete, NEW)


def names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the components of the kind that was given before."""
    given: Kind | None = next((each for each in KINDS if ctx.params.get("kind") in (each, f"{each}s")), None)
    return beginning(incomplete, registry().named(given) if given else ())


def backbones(incomplete: str) -> list[str]:
    return beginning(incomplete, registry().named("backbone"))


def datasets(incomplete: str) -> list[str]:
    """Names of data sets; the shell completes files and folders itself."""
    return beginning(incomplete, registry().named("dataset"))


def evaluators(incomplete: str) -> list[str]:
    """Completions of the last name in a list separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{each}" for each in beginning(last, registry().named("evaluator"))]


def executors(incomplete: str) -> list[str]:
    return beginning(incomplete, registry().named("executor"))


def devices(incomplete: str) -> list[str]:
    return beginning(incomplete, ("auto", "cpu", "cuda"))


def blockable(incomplete: str) -> list[str]:
    """Plugins and their distributions; none is loaded."""
    return beginning(incomplete, sorted({each for entry in found() for each in (entry.name, distribution(entry))}))


def suites(incomplete: str) -> list[str]:
    """Suite files in the folder that was written so far, and in the folders there; the shell knows all other files."""
    folder, begun = os.path.split(incomplete)
    try:
        return sorted(str(Path(folder) / each) for each in _suites(Path(folder or "."), begun))
    except OSError:  # no such folder, or one that cannot be read: there is nothing to offer
        return []


def _suites(folder: Path, begun: str) -> Iterator[Path]:
    for each in folder.iterdir():
        if each.name.startswith(begun) and (begun or not each.name.startswith(".")):
            if each.is_dir():
                yield from (file.relative_to(folder) for suffix in SUITES for file in each.glob(f"[!.]*{suffix}"))
            elif each.suffix in SUITES:
                yield each.relative_to(folder)
