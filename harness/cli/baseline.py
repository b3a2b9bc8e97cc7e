"""`harness baseline`: writes the file that later runs are checked against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.store.results_folder import Store

ENOUGH = 5  # seeds; docs/gate.md has the simulation


def baseline(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a results folder")],
    output: Annotated[Path, typer.Option(help="the file to write; commit it", show_default=False)],
) -> None:
    """Make a baseline of a results folder: scores by seed, versions, hardware."""
    from harness.reporting.gate.baseline import save
    from harness.reporting.gate.snapshot import snapshot

    if output.is_dir():
        raise UsageError(f"{output}: is a folder; --output names a file.")
    made = snapshot(Store(folder).records(), str(folder))
    save(output, made)
    cells = sum(len(group.cells) for group in made.groups.values())
    print(f"{output}: {quantity(cells, 'cell')} in {quantity(len(made.groups), 'group')} of seeds.")
    if (fewest := min(len(group.cells) for group in made.groups.values())) < ENOUGH:
        print(f"With {quantity(fewest, 'seed')} the gate misses most small drops. Use {ENOUGH} or more.")
