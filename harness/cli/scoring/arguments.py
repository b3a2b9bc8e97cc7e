"""Reads arguments of `harness score` that can be entries of a suite or paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.suite.document import scalar
from harness.suite.entries import expanded
from harness.suite.weights import address


def entry_of(text: str) -> dict[str, Any]:
    """{use: NAME, OPTION: VALUE}, as in a suite."""
    entry = scalar(text, "an entry")
    if not isinstance(entry, dict) or not isinstance(entry.get("use"), str):
        raise UsageError("an entry is written '{use: NAME, OPTION: VALUE}'.")
    return dict(entry)


def absolute(path: str) -> str:
    """What is no path, such as an address, stays as it is: the suite's reader has the message."""
    return path if address(path) else str(path_of(path).absolute())


def path_of(text: str) -> Path:
    """Raises UsageError for the home of a user that there is not."""
    return expanded(Path(text))


def flow(value: Any) -> str:
    """On one line, as YAML."""
    import yaml

    width = float("inf")
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=width)
    line = text.strip().removesuffix("...").rstrip()
    return json.dumps(value) if "\n" in line else line  # YAML would fold text that has several lines
