"""Renders a results folder as one self-contained HTML page: `harness report DIR`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UsageError
from harness.plugins.published import Published
from harness.store.records import CellRecord

__all__ = ["NEEDED", "render"]

NEEDED = ("jinja2", "matplotlib")


def render(
    records: Sequence[CellRecord], folder: Path, published: Sequence[Published] = (), *, features: bool = False
) -> str:
    """The page of the records of a results folder; curves and per-unit values are read from the folder, if there.

    features: load models and data sets, too, and draw what encoders make of test images; this imports torch. The same
    folder gives the same text. Raises UsageError if what the page is made with is not installed.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        raise UsageError(
            f"harness report needs {error.name}, which is not installed: pip install 'rep-harness[report]'"
        ) from error
    from harness.reporting.page.page import page

    return page(records, folder, published, features=features)
