"""Renews what documents show of committed records and of plugins/: `uv run python docs/update_tables.py`.

The same as `harness leaderboard` with `--inject` for each of DOCUMENTS, and besides: the leaderboard.md of each
reference, the picture of the quickstart, and README's list of plugins.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from harness.plugins.registry import registry
from harness.reporting import leaderboard
from harness.reporting.leaderboard.inject import as_written, updated
from harness.store.results_folder import Store

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MARKED = re.compile(r"^<!-- leaderboard: (\.\./)?results/reference/", re.MULTILINE)
DOCUMENTS = [each for each in (README, *sorted((ROOT / "docs").glob("*.md"))) if MARKED.search(each.read_text("utf-8"))]
REFERENCES = ROOT / "results" / "reference"
LISTED = re.compile(r"(<!-- plugins -->).*?(<!-- end of plugins -->)", re.DOTALL)


def main() -> None:
    published = registry().published()
    README.write_text(with_plugins(README.read_text(encoding="utf-8")), encoding="utf-8")
    for document in DOCUMENTS:
        document.write_bytes(as_written(document, updated(document, published)))
    for reference in sorted(REFERENCES.iterdir()):
        table = leaderboard.render(Store(reference).records(), "markdown", published)
        (reference / "leaderboard.md").write_text(table, encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "docs" / "terminal.py"], check=True)


def with_plugins(text: str) -> str:
    """The text with a link to each plugin of this repository between its markers."""
    names = sorted(path.parent.name for path in ROOT.glob("plugins/*/README.md"))
    listed = ", ".join(f"[{name}](plugins/{name}/README.md)" for name in names)
    return LISTED.sub(rf"\g<1>{listed}\g<2>", text)


if __name__ == "__main__":
    main()
