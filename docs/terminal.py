"""Draws what `harness run` prints at its end as a picture: `uv run python docs/terminal.py` writes docs/quickstart.svg.

It is made from the committed records of the quickstart, 80 columns wide, without the notes below the table and the line
that explains them.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from harness.reporting.leaderboard.reading import MEASURED
from harness.reporting.leaderboard.sections import board
from harness.reporting.leaderboard.tables import build
from harness.reporting.leaderboard.terminal import to_console
from harness.store.results_folder import Store

DOCS = Path(__file__).parent
PICTURE = DOCS / "quickstart.svg"
RECORDS = DOCS.parent / "results" / "reference" / "quickstart"
COMMAND = "uv run harness run benchmarks.yaml"
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts of another host


def picture() -> str:
    """The picture, as SVG."""
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"$ {COMMAND}", highlight=False, markup=False)
    console.print("...", style="dim", highlight=False)
    whole = board(build(Store(RECORDS).records()), terminal=True)
    short = tuple(replace(each, notes=()) for each in whole.sections)
    to_console(
        replace(whole, sections=short, reading=tuple(each for each in whole.reading if each != MEASURED)), console
    )
    return console.export_svg(title="harness", code_format=FORMAT, unique_id="quickstart")


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
