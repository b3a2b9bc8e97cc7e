"""`harness list`: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.listing import show_components


def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="method, backbone, dataset, evaluator or executor", show_default=False)
    ] = None,
) -> None:
    """List the components that plugins registered."""
    show_components(kind)
