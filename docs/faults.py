"""Writes docs/faults.md: each fault of tests/faults/catalogue is met, and what is said is noted.

`uv run python docs/faults.py`, from the root.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.meeting import Outcome

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "faults.md"
HEAD = """\
# Error messages

Look up an error message or an exit code here, or see what the harness says of a fault.

`uv run python docs/faults.py` makes this page: it causes every fault through the command line, as
`tests/faults/test_messages.py` does. Do not edit it by hand. Paths are relative to the folder of the fault. Exit codes:

- 0: success. A plugin or a file that cannot be used is a warning, in the terminal or in the cell's log.
- 1: some cells failed.
- 2: a mistake of the user or a fault of the environment, found before anything trains.
"""


def page() -> str:
    """The whole document."""
    from tests.faults.catalogue import FAULTS
    from tests.faults.meeting import meet

    parts = [HEAD]
    for heading, faults in FAULTS.items():
        parts += [f"\n## {heading}\n", "| fault | message | exit code |", "|---|---|---:|"]
        for fault in faults:
            with tempfile.TemporaryDirectory(prefix="fault-") as folder:
                parts.append(row(fault.title, meet(fault, Path(folder))))
    return "\n".join([*parts, ""])


def row(title: str, outcome: Outcome) -> str:
    return f"| {cell(title)} | {cell(outcome.message)} | {outcome.code} |"


def cell(text: str) -> str:
    """Text as one cell of a table."""
    from harness.reporting.leaderboard.markdown import escape

    return "<br>".join(map(escape, text.splitlines()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HARNESS_CACHE"] = cache
        PAGE.write_text(page(), encoding="utf-8")
