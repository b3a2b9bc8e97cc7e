"""`harness list`: lists the installed components."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import complete
from harness.cli.listing import show_components
from harness.plugins.local_files import use


def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="method, backbone, dataset, evaluator, optimizer or executor",
            autocompletion=complete.kinds,
            show_default=False,
        ),
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """List the components that plugins registered."""
    use(plugin)
    show_components(kind)
