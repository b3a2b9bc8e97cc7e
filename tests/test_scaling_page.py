"""The tables of docs/scaling.md and docs/devices.md are what perf/render_scale.py makes of the committed results."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests import pages

ROOT = Path(__file__).parent.parent
NAMES = {"scaling.md": ["machine", "times", "files", "calls", "leases", "engines"], "devices.md": ["devices"]}


@pytest.fixture(scope="module")
def render() -> ModuleType:
    return pages.script("render_scale", ROOT / "perf")


@pytest.mark.parametrize("page", NAMES)
def test_the_tables_are_made_from_the_committed_results(page: str, render: ModuleType) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert text == render.filled(text)
    assert [name for _, name, _ in render.MARKED.findall(text)] == NAMES[page]


def test_all_sizes_are_measured() -> None:
    found = json.loads((ROOT / "perf" / "results" / "scale.json").read_text(encoding="utf-8"))
    assert list(found["sizes"]) == ["100", "1000", "10000", "100000"]
