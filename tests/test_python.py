"""Suites run from Python: the page's code as a plain script and in a notebook, and what `harness.run` promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import harness
from harness.reporting.leaderboard.frames import COLUMNS
from tests import pages
from tests.conftest import SUITE
from tests.gate.runs import cell, evaluation

CODE = pages.blocks("python.md", "python")


ONE_SEED = SUITE.replace("[0, 1]", "[0]")


def check(printed: str) -> None:
    """That it is what the page's code prints of a suite of two methods and one seed."""
    assert printed.count("'done'") == 1  # `only` takes one of them
    assert "| classify | nearest  |" in printed
    assert "Name: value" in printed
    assert {"classify · flat · blobs · seed 0 ok", "idle · flat · blobs · seed 0 ok"} <= set(printed.splitlines())


def test_the_page_as_a_plain_script(suite: Callable[[str], Path], tmp_path: Path) -> None:
    """Without `if __name__ == "__main__"`, as people write scripts: no job runs the script again."""
    suite(ONE_SEED)
    (tmp_path / "script.py").write_text("\n".join(CODE))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr) == (0, "")
    check(done.stdout)
    assert len(list((tmp_path / "results" / "python").glob("cells/*/attempts/*.json"))) == 2


def test_the_page_in_a_notebook(suite: Callable[[str], Path], tmp_path: Path) -> None:
    suite(ONE_SEED)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CODE])
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    check("".join(output.text for output in outputs if output.output_type == "stream"))
    [shown] = [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]
    assert shown.startswith("Finished(folder=")


def test_what_a_run_leaves(suite: Callable[[str], Path], tmp_path: Path) -> None:
    """A cell that fails is a status and a record; what is done is not done again; mistakes raise."""
    path = suite(ONE_SEED.replace("idle", "fail"))
    first = harness.run(path, results=tmp_path / "kept", device="cpu")
    assert sorted(first.statuses.values()) == ["done", "failed"]
    assert first.reused == 0
    [failed] = first.failed
    [record] = [each for each in first.records if each.id == failed]
    assert record.failure is not None
    assert record.failure["status"] == "failed"
    none = harness.RunOptions(retry=())
    again = harness.run(harness.load_suite(path), results=tmp_path / "kept", device="cpu", options=none)
    assert (again.statuses, again.reused) == (first.statuses, 1)
    for arguments, said in ({"device": "tpu"}, "tpu"), ({"only": {"method": "classifi"}}, "classify"):
        with pytest.raises(harness.UsageError, match=said):
            harness.run(path, results=tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()


def test_the_frame_of_a_leaderboard_says_what_the_leaderboard_says(tmp_path: Path) -> None:
    for seed, score in enumerate((0.91, 0.93, 0.95)):
        for method, less in (("a", 0.0), ("b", 0.2)):
            cell(tmp_path, method, seed, evaluation("knn", {"accuracy": score - less}))
    frame = harness.leaderboard(tmp_path)
    assert tuple(frame.columns) == COLUMNS
    a, b = (frame[frame["method"] == name].iloc[0] for name in "ab")
    assert a["mean"] == pytest.approx(0.93)
    variance = 0.02**2 + 0.001**2 / 12  # of the scores, and of rounding to the thousandth that 1,000 images give
    assert a["half_width"] == pytest.approx(4.302653 * (variance / 3) ** 0.5, rel=1e-6)  # Student's t, 2 d. f.
    assert (a["n"], a["rank_best"], a["rank_worst"], b["rank_best"]) == (3, 1, 1, 2)
    assert b["to_best"] == pytest.approx(-0.2)
    assert list(harness.scores(tmp_path)["value"]) == pytest.approx([0.91, 0.93, 0.95, 0.71, 0.73, 0.75])
    assert harness.leaderboard(tmp_path, metrics=["knn"]).equals(frame)
    with pytest.raises(harness.UsageError, match="knn"):
        harness.leaderboard(tmp_path, metrics=["knm"])
