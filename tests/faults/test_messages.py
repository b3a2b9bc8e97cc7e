"""Each fault of the catalogue ends as docs/faults.md says: one message, the right exit code, no traceback."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest

from tests import pages
from tests.faults.catalogue import FAULTS, all_faults
from tests.faults.meeting import Fault, meet

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
QUICK = 60.0  # seconds of this process on a core, which others do not lengthen: a bomb takes more, or all of the memory


@pytest.fixture(scope="module")
def render() -> ModuleType:
    return pages.script("faults")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("fault", list(all_faults()), ids=lambda fault: fault.title)
def test_a_fault_ends_as_the_page_says(fault: Fault, tmp_path: Path, render: ModuleType) -> None:
    started = time.process_time()
    outcome = meet(fault, tmp_path)
    assert outcome.code == fault.code, outcome.output
    assert fault.says in outcome.message
    assert "Traceback" not in outcome.output
    assert not list(tmp_path.rglob("exploited"))
    assert not Path("exploited").exists()
    assert time.process_time() - started < QUICK
    assert render.row(fault.title, outcome) in PAGE.splitlines()


def test_the_page_has_every_fault_and_no_other(render: ModuleType) -> None:
    titles = [fault.title for fault in all_faults()]
    assert len(set(titles)) == len(titles) >= 40
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| fault")]
    assert [line.split(" | ")[0] for line in rows] == [f"| {render.cell(title)}" for title in titles]
    for heading in FAULTS:
        assert f"\n## {heading}\n" in PAGE
