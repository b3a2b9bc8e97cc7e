"""What `harness leaderboard` and the store do with a results folder that somebody else has changed."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import UsageError
from harness.plugins.published import Published
from harness.reporting.leaderboard import render
from harness.store.results_folder import CellFolder, Store
from tests.conftest import Harness

REFERENCE = Path(__file__).parent.parent / "results" / "reference" / "quickstart" / "cells"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for cell in sorted(REFERENCE.iterdir())[:2]:
        shutil.copytree(cell, tmp_path / "results" / "cells" / cell.name)
    return tmp_path / "results"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, each in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from places(each, (*path, key))


ANYTHING = Published({}, 0.5, "a paper", protocol={"evaluator.ways": 5, "budget.steps": 1})  # of every setting


@pytest.mark.parametrize("kind", ["cell.json", "training.json", "evaluations/*.json"])
def test_values_of_another_type_are_damage_and_no_traceback(kind: str, results: Path) -> None:
    file = sorted(results.glob(f"cells/*/{kind}"))[0]
    good = json.loads(file.read_text())
    damage = []
    for *way, last in places(good):
        for bad in (None, 5, "x", [], {}):
            value = around = copy.deepcopy(good)
            for key in way:
                around = around[key]
            around[last] = bad
            file.write_text(json.dumps(value))
            with contextlib.suppress(UsageError):  # of another format
                render(Store(results).records(damage.append), published=[ANYTHING])
    assert any("is of another type" in str(each) for each in damage)


@pytest.mark.parametrize("number", [10**400, 1.7e308, -(10**101)], ids=["400 digits", "nearly infinite", "negative"])
@pytest.mark.parametrize("what", ["value", "seconds"])
def test_numbers_that_nothing_measures_are_damage_and_no_traceback(
    what: str, number: float, results: Path, harness: Harness
) -> None:
    file = sorted(results.glob("cells/*/evaluations/*.json"))[0]
    content = json.loads(file.read_text())
    content.pop("check", None)
    place = content if what == "seconds" else next(iter(content["metrics"].values()))
    place[what] = number
    file.write_text(json.dumps(content))
    shown = harness("leaderboard", results)
    assert shown.returncode == 0, shown.stderr
    assert f"'{what}' is larger than any number that is measured" in shown.stderr
    assert harness("report", results).returncode == 0


def test_attempts_go_by_number_and_other_files_are_none(tmp_path: Path) -> None:
    folder = CellFolder(tmp_path)
    folder.attempts.mkdir()
    for number in (999, 1000):
        text = json.dumps({"format": 1, "status": "failed", "message": str(number)})
        folder.attempt(number).write_text(text)
    for name in ("notes.json", "\u00b2.json", "x.log"):
        (folder.attempts / name).write_text("{}")
    assert (folder.failure() or {})["message"] == "1000"
    assert folder.next_number() == 1001


def test_an_output_that_is_no_file_is_written_not_replaced(harness: Harness, results: Path) -> None:
    target, link = results / "target", results / "link"
    link.symlink_to(target)
    harness("leaderboard", results, "--output", link)
    assert link.is_symlink()
    assert "# Leaderboard" in target.read_text()
    pipe = results / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    harness("leaderboard", results, "--output", pipe)
    assert os.read(reader, 13) == b"# Leaderboard"
    assert pipe.is_fifo()
    os.close(reader)
