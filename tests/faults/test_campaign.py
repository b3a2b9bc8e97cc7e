"""A short fault campaign, and the page that reports the long one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.faults import render
from tests.faults.campaign import SHORT, campaign

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


def test_a_short_campaign_finds_nothing_lost_torn_or_run_twice(tmp_path: Path) -> None:
    *_, found = campaign(tmp_path, seed=2, kills=1, cells=12, rounds=SHORT)
    assert not found["violations"]
    assert sum(found["kills"].values()) > 0
    assert all(found["checks"][name] for name in render.INVARIANTS)


def test_the_page_is_made_from_the_committed_campaign() -> None:
    result = json.loads(render.RESULT.read_text(encoding="utf-8"))
    assert render.PAGE.read_text(encoding="utf-8") == render.page(result)
    assert min(result["cells_of_a_suite"].values()) >= 30
    assert result["violations"] == []
    assert sum(result["kills"].values()) >= 200
