"""`harness export`: writes trained encoders as files that other programs can load."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.atomic_files import broken, sync, write_bytes, write_json
from harness.base.errors import UsageError, printable
from harness.base.processes import machine
from harness.base.slugs import slug
from harness.cli.listing import report
from harness.plugins.local_files import use
from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite.recorded import recorded_cell

if TYPE_CHECKING:
    from harness.reporting.leaderboard.choosing import Chosen


class Format(StrEnum):
    """`encoder.` and its name is the file."""

    safetensors = "safetensors"
    pt2 = "pt2"
    onnx = "onnx"


DESCRIPTION, CARD = "encoder.json", "README.md"


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a results folder", show_default=False)],
    methods: Annotated[
        list[str],
        typer.Argument(metavar="METHOD...", help="name of a method in the tables, or id of a cell", show_default=False),
    ],
    output: Annotated[Path, typer.Option(help="folder in which each encoder gets a folder", show_default=False)],
    backbone: Annotated[str | None, typer.Option(help="only cells with this backbone", show_default=False)] = None,
    dataset: Annotated[str | None, typer.Option(help="only cells with this data set", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="only the cell with this seed", show_default=False)] = None,
    format: Annotated[  # noqa: A002 (the option's name)
        list[Format] | None,
        typer.Option(help="files to write; may be repeated", show_default="safetensors and pt2"),
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """Write trained encoders as files that other programs load, each with a model card."""
    from harness.reporting.leaderboard.choosing import choose
    from harness.reporting.leaderboard.tables import build

    use(plugin)
    report(registry())
    formats = list(dict.fromkeys(format or (Format.safetensors, Format.pt2)))
    store = Store(folder)
    tables = build(store.records())
    narrowed = {"backbone": backbone, "dataset": dataset, "seed": None if seed is None else str(seed)}
    found = {each.record.id: each for each in (choose(tables, method, **narrowed) for method in methods)}
    places = {id_: output / _name(chosen) for id_, chosen in found.items()}
    for id_, chosen in found.items():
        _require_whole(store, chosen)
        if places[id_].exists():
            raise UsageError(f"{places[id_]}: already exists. Remove it, or give another folder with --output.")
    if Format.onnx in formats:
        from harness.learning.programs import require_onnx

        require_onnx()
    complete = [_export(store, chosen, places[id_], formats) for id_, chosen in found.items()]
    raise typer.Exit(0 if all(complete) else 1)


def _export(store: Store, chosen: Chosen, place: Path, formats: list[Format]) -> bool:
    """Whether all files could be made."""
    from harness.learning.exporting import export as write
    from harness.reporting.card import card

    cell = recorded_cell(chosen.record.id, chosen.record.cell, registry())
    files = [f"encoder.{each}" for each in formats]
    with _whole(place) as made:
        written = write(cell, store.cell(cell.id).model, made, files)
        files = [each for each in files if each not in written.failed]
        described = {"cell": cell.id, "name": chosen.name, "files": files, **written.described}
        write_json(made / DESCRIPTION, {**described, "scores": _scores(chosen)})
        papers = {"method": cell.method.spec.paper, "backbone": cell.backbone.spec.paper}
        text = card(chosen, place.name, described, files, papers, written.library_code, loads=written.loads)
        write_bytes(made / CARD, text.encode())
    typer.echo(printable(f"{place}: {', '.join([*files, DESCRIPTION, CARD])}"))
    for file, why in written.failed.items():
        print(printable(f"harness: warning: {cell.name()}: no {file}: {why}"), file=sys.stderr)
    return not written.failed


def _scores(chosen: Chosen) -> dict[str, Mapping[str, object]]:
    """The metrics of the record, by the label of the evaluator."""
    return {str(each["label"]): each["metrics"] for each in chosen.record.evaluations.values()}


def _name(chosen: Chosen) -> str:
    """Of a cell's folder: two cells of the same labels never share it."""
    labels = [chosen.row.full, chosen.label("backbone"), chosen.label("dataset"), f"seed{chosen.label('seed')}"]
    return slug("-".join(labels))


def _require_whole(store: Store, chosen: Chosen) -> None:
    """Raises UsageError if a cell has no trained model, or a damaged one."""
    model, training = store.cell(chosen.record.id).model, chosen.record.training
    if training is None:
        failure = chosen.record.failure or {}
        ended = f" ({failure['status']}: {failure['message']})" if failure else ""
        raise UsageError(f"{chosen.name} is not trained to the end{ended}: run its suite again.")
    if not model.is_file():
        raise UsageError(f"{chosen.name} has no model in this folder: there is no {model}.")
    if reason := broken(model, training.get("model"), read=True):
        raise UsageError(f"{model}: is damaged ({reason}); 'harness run' sets it aside and trains its cell again.")


@contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """A folder that becomes `place` at once, when all in it is written."""
    made = place.with_name(f".{place.name}.{machine()}-{os.getpid()}.tmp")
    made.mkdir(parents=True)
    try:
        yield made
        for file in made.iterdir():
            sync(file)
        made.rename(place)
        sync(place.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)
