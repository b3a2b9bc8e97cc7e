"""The version of harness, and the version of the format of files and ids."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

FORMAT = 1  # of ids and of everything that the store writes


@cache
def own_version() -> str:
    """The version of harness; read from its metadata once, not once per cell."""
    return version("rep-harness")
