"""Puts leaderboards of committed records between their markers in documents: `uv run python docs/update_tables.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from harness import leaderboard
from harness.registry import registry
from harness.store import Store

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "reproduction.md"]
MARKED = re.compile(r"(<!-- leaderboard: (\S+) -->\n).*?(<!-- end of leaderboard -->)", re.DOTALL)


def updated(text: str, root: Path = ROOT) -> str:
    """`text` with every marked leaderboard made anew from its records."""

    def table(match: re.Match[str]) -> str:
        records = Store(root / match[2]).records()
        return match[1] + leaderboard.render(records, "markdown", registry().published()) + match[3]

    return MARKED.sub(table, text)


def main(files: list[str]) -> None:
    for file in map(Path, files or DOCUMENTS):
        file.write_text(updated(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
