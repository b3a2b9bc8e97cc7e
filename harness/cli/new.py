"""`harness new`: writes a new plugin."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from harness.base.errors import UsageError, nearest
from harness.cli import complete
from harness.cli.scaffold import NEW, create
from harness.plugins.registry import registry


def new(
    kind: Annotated[
        str,
        typer.Argument(
            help="method, backbone, dataset, evaluator, modality, executor or observer",
            autocompletion=complete.new_kinds,
        ),
    ],
    name: Annotated[str, typer.Argument(help="what suites will call it; the distribution is harness-NAME")],
    directory: Annotated[Path, typer.Option(help="where the folder harness-NAME is made")] = Path(),
) -> None:
    """Write a new plugin: a small distribution that works and passes its own tests."""
    if kind not in NEW:
        raise UsageError(f"there is no kind '{kind}'.{nearest(kind, NEW)}")
    folder = create(kind, name, directory, registry())
    pip = "pip" if find_spec("pip") else "uv pip"  # an environment that uv made has none, and another's is of no use
    print(f"Wrote {folder}\nNext: cd {quote(str(folder))} && {pip} install -e '.[test]' && pytest")
