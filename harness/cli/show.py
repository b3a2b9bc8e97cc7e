"""`harness show`: shows one component with its options."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.base.errors import UsageError, nearest
from harness.cli import complete
from harness.cli.listing import report
from harness.plugins.local_files import use
from harness.plugins.options import fields_of, has_default, type_name
from harness.plugins.published import Published
from harness.plugins.registry import KINDS, OF, OTHER, registry
from harness.suite.entries import starts_from_file

STARTS = "random, or from a file of trained weights: 'weights: FILE' in its entry in a suite"


def show(
    kind: Annotated[
        str,
        typer.Argument(
            help="method, backbone, dataset, evaluator, optimizer or executor", autocompletion=complete.kinds
        ),
    ],
    name: Annotated[str, typer.Argument(help="its name, as `harness list` shows it", autocompletion=complete.names)],
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """Show a component: summary, paper, distribution, and options with types, defaults and help."""
    use(plugin)
    known = next((each for each in KINDS if kind in (each, f"{each}s")), None)
    if known is None:
        raise UsageError(f"there is no kind '{kind}'.{nearest(kind, KINDS)}")
    report(registry())
    spec = registry().get(known, name)
    console = Console(highlight=False)
    console.print(Text.assemble((f"{known} {spec.name}", "bold"), f"\n{spec.summary}"))
    about = {
        "paper:": spec.paper,
        "family:": "" if spec.family == OTHER else spec.family,
        {"dataset": "gives:", "backbone": "takes:"}.get(spec.kind, ""): spec.modality,
        "made of:": f"data sets by name, under the key '{OF}' of its entry" if spec.combines else "",
        "starts:": STARTS if starts_from_file(spec) else "",
        "from:": f"{spec.origin.distribution} {spec.origin.version}, {spec.target}",
        "recipe:": ", ".join(f"{key} {value}" for key, value in spec.budget.items()),
    }
    console.print(_pairs([(what, text) for what, text in about.items() if text]))
    rows = list(_rows(spec.config))
    console.print(_table(rows) if rows else Text("no options"))
    if spec.published:
        console.print(Text("published", style="bold"))
        console.print(_pairs([_published(each) for each in spec.published]))


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    """What a line is about, and text that may take several, beside it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _rows(config: type, indent: str = "") -> list[tuple[str, str, str, str]]:
    """(name, type, default, help) of every option; nested ones are indented, as in a suite."""
    rows = []
    kinds = fields_of(config)
    for field in dataclasses.fields(cast(Any, config)):
        kind = kinds[field.name]
        rows.append((indent + field.name, type_name(kind), _default(field), field.metadata.get("help", "")))
        if dataclasses.is_dataclass(kind):
            rows += _rows(cast(type, kind), f"{indent}  ")
    return rows


def _published(published: Published) -> tuple[str, str]:
    interval = "" if published.half_width is None else f" ± {published.half_width:g}"
    setting = ", ".join(f"{key} {value}" for key, value in published.setting.items())
    return f"{published.value:g}{interval}", f"{published.metric}: {setting} ({published.source})"


def _default(field: dataclasses.Field[Any]) -> str:
    if not has_default(field):
        return "(required)"
    if field.default is dataclasses.MISSING:
        return ""
    if isinstance(field.default, bool) or field.default is None:
        return str(field.default).lower()
    return str(list(field.default) if isinstance(field.default, tuple) else field.default)


def _table(rows: list[tuple[str, str, str, str]]) -> Table:
    table = Table(title="options", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("name", style="cyan", no_wrap=True)
    table.add_column("type", overflow="fold")
    table.add_column("default", overflow="fold")
    table.add_column("help", overflow="fold")  # or a long word would be cut
    for row in rows:
        table.add_row(*map(Text, row))
    return table
