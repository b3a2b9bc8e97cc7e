"""Renews the leaderboards of committed records in documents: `uv run python docs/update_tables.py`.

The same as `harness leaderboard --inject README.md --inject docs/reproduction.md`, and the leaderboard.md of each
reference besides.
"""

from __future__ import annotations

from pathlib import Path

from harness.plugins.registry import registry
from harness.reporting import leaderboard
from harness.reporting.leaderboard.inject import as_written, updated
from harness.store.results_folder import Store

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "reproduction.md"]
REFERENCES = ROOT / "results" / "reference"


def main() -> None:
    published = registry().published()
    for document in DOCUMENTS:
        document.write_bytes(as_written(document, updated(document, published)))
    for reference in sorted(REFERENCES.iterdir()):
        table = leaderboard.render(Store(reference).records(), "markdown", published)
        (reference / "leaderboard.md").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
