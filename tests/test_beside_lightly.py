"""The tables of docs/methods.md beside lightly are what perf/render_beside.py makes of the committed results."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests import pages

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def render() -> ModuleType:
    return pages.script("render_beside", ROOT / "perf")


def test_the_tables_are_made_from_the_committed_results(render: ModuleType) -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert len(render.MARKED.findall(text)) == 1
    assert text == render.filled(text)


def test_losses_and_gradients_were_equal_to_rounding() -> None:
    found = json.loads((ROOT / "perf" / "results" / "beside-lightly.json").read_text(encoding="utf-8"))
    for name in ("byol", "barlow_twins", "swav"):
        gaps = {key: value for key, value in found["exact"][name].items() if key != "loss"}
        assert len(gaps) >= 2
        assert max(gaps.values()) < 1e-12, name
    assert found["exact"]["byol"]["of the target"] < 1e-12


def test_differences_are_paired(render: ModuleType) -> None:
    rows = [
        {"method": "one", "ours": {"knn": ours, "linear": ours}, "lightly": {"knn": its, "linear": its}}
        for ours, its in ((0.50, 0.49), (0.60, 0.58), (0.40, 0.37))
    ]
    assert "| `one` | 3 | knn | 50.0 | 48.0 | +2.0 ± 2.5 |" in render.trained(rows)  # 4.303 * 1 / sqrt(3)
