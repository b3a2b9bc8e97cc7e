"""docs/performance.md is what perf/render.py makes of the committed results."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests import pages

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def render() -> ModuleType:
    return pages.script("render", ROOT / "perf")


def test_the_page_is_made_from_the_committed_results(render: ModuleType) -> None:
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == render.page()


def test_every_comparison_is_on_the_page_and_in_the_readme(render: ModuleType) -> None:
    readme = (ROOT / "perf" / "README.md").read_text(encoding="utf-8")
    for name in render.ORDER:
        assert (ROOT / "perf" / f"{name}.py").exists()
        assert f"perf/{name}.py" in readme


RACE = {
    "title": "A race",
    "unit": "images/s",
    "rates": {"ours": [200.0, 100.0, 300.0], "one": [100.0, 100.0, 100.0], "other": [10.0, 200.0, 10.0]},
    "versions": {"ours": {"torch": "2.0"}, "one": {"torch": "2.1"}},
    "absent": {"third": "it is gone"},
    "targets": [
        {"who": "ours", "over": ["one"], "at_least": 2.0},
        {"who": "ours", "over": ["one", "other"], "at_least": 2.5},
        {"who": "ours", "over": ["third"], "at_least": 2.0},
    ],
}


def test_ratios_are_taken_within_rounds_against_the_fastest(render: ModuleType) -> None:
    lines = render.race_lines(RACE)
    assert "| ours | 200 | 100 – 300 |  |" in lines
    assert "| one | 100 | 100 – 100 | 2.00 |" in lines
    assert "| other | 10.0 | 10.0 – 200 | 20.0 |" in lines
    assert "| third | not run: it is gone | | |" in lines
    assert "- Target: ours at least 2 × one: 2.00, met." in lines
    assert "- Target: ours at least 2.5 × the fastest of one, other: 2.00, missed by 20.0 %." in lines
    assert "- Target: ours at least 2 × third: not measured." in lines
    assert "- Versions: torch 2.0 (ours), torch 2.1 (one)." in lines
