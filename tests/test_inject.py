"""`harness leaderboard --inject` and `--verify`."""

import re
import shlex
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.reporting.leaderboard import Format, render
from harness.reporting.leaderboard.inject import updated
from harness.store.results_folder import Store, write_json
from tests import pages
from tests.conftest import Harness
from tests.records import quickstart

MARKED = "# Mine\n\n<!-- leaderboard: results/toy -->\n<!-- end of leaderboard -->\n\nThe end.\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with the records of the quickstart's size, written in the order of their ids."""
    return written(tmp_path / "results" / "toy")


def written(folder: Path, *, backwards: bool = False) -> Path:
    for record in sorted(quickstart(), key=lambda record: record.id, reverse=backwards):
        cell = folder / "cells" / record.id[:16]
        components = {
            kind: {**record.cell[kind], "decides": sorted(record.cell[kind]["options"])}
            for kind in ("method", "backbone", "dataset")
        }
        parts = [
            (cell / "cell.json", {**record.cell, **components}),
            (cell / "training.json", record.training),
            *(
                (cell / "evaluations" / f"{label}.json", {**each, "evaluator": {**each["evaluator"], "decides": []}})
                for label, each in record.evaluations.items()
            ),
        ]
        for path, content in reversed(parts) if backwards else parts:
            assert content
            write_json(path, content, durable=False)
    return folder


def test_a_marked_leaderboard_is_renewed_and_the_rest_stays(harness: Harness, results: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(MARKED)
    assert "README.md: renewed" in harness("leaderboard", "--inject", "README.md").stdout
    before, table, after = page.read_text().partition(harness("leaderboard", results).stdout)
    assert table
    assert before == "# Mine\n\n<!-- leaderboard: results/toy -->\n"
    assert after == "<!-- end of leaderboard -->\n\nThe end.\n"
    assert harness("leaderboard", "--inject", "README.md").stdout == ""  # nothing to do
    harness("leaderboard", "--inject", "README.md", "--verify")
    page.write_text(page.read_text().replace("| protonet", "| Protonet", 1))
    stale = page.read_bytes()
    said = harness("leaderboard", "--inject", "README.md", "--verify", code=1).stderr
    assert "is out of date" in said
    assert "To renew: harness leaderboard --inject README.md\n" in said
    number = said.partition("README.md:")[2].partition(":")[0]
    assert page.read_text().split("\n")[int(number) - 1].startswith("| Protonet")
    assert page.read_bytes() == stale  # only looked at


def test_the_order_of_files_changes_no_byte(results: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", backwards=True)
    one, two = (Store(each).records() for each in (results, other))
    formats: tuple[Format, ...] = ("markdown", "csv", "html")
    for form in formats:
        assert render(one, form) == render(two, form)


def test_a_marker_has_options_of_its_own(harness: Harness, results: Path, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    marker = "<!-- leaderboard: ../results/toy --metric '5-way 1-shot' --pivot -->"
    page.write_bytes(MARKED.replace("<!-- leaderboard: results/toy -->", marker).replace("\n", "\r\n").encode())
    harness("leaderboard", "--inject", page)
    text = page.read_bytes().decode()
    assert text.count("\n") == text.count("\r\n")
    expected = harness("leaderboard", results, "--metric", "5-way 1-shot", "--pivot").stdout
    assert expected in text.replace("\r\n", "\n")
    assert "linear" not in text
    harness("leaderboard", "--inject", page, "--verify")


def test_only_the_markers_of_a_named_folder(harness: Harness, results: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(MARKED + MARKED.replace("results/toy", "elsewhere"))
    harness("leaderboard", results, "--inject", page)
    assert page.read_text().count("| protonet") > 1
    assert page.read_text().endswith(MARKED.replace("results/toy", "elsewhere"))
    assert "elsewhere: holds no results" in harness("leaderboard", "--inject", page, code=2).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "# Mine\n",
            "README.md: has no marker for a leaderboard. Put these lines where it belongs:\n<!-- leaderboard: DIR",
        ),
        (
            "a\n" + MARKED.replace("<!-- end of leaderboard -->", ""),
            "README.md:4: no line '<!-- end of leaderboard -->'",
        ),
        (MARKED.replace("end of", "") + MARKED, "README.md:3: no line '<!-- end of leaderboard -->'"),
        (MARKED.replace("toy -->", "toy --metrik knn -->"), "README.md:3: unrecognized arguments: --metrik knn."),
        (MARKED.replace("toy -->", "toy 'x -->"), "README.md:3: No closing quotation."),
    ],
)
def test_what_is_wrong_with_a_marker_is_said(text: str, said: str, results: Path) -> None:
    page = results.parent.parent / "README.md"
    page.write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        updated(page)


def test_a_written_leaderboard_can_be_verified(harness: Harness, results: Path, tmp_path: Path) -> None:
    said = harness("leaderboard", results, "--output", "board.md", "--verify", code=1).stderr
    assert "board.md:1: is out of date" in said
    assert not (tmp_path / "board.md").exists()
    (tmp_path / "board.md").write_text(render(Store(results).records()))
    harness("leaderboard", results, "--output", "board.md", "--verify")
    assert "Name it by --output FILE" in harness("leaderboard", results, "--verify", code=2).stderr
    assert "in the marker" in harness("leaderboard", "--inject", "x.md", "--pivot", code=2).stderr


def test_the_pages_commands_do_what_it_says(harness: Harness, tmp_path: Path) -> None:
    written(tmp_path / "results" / "quickstart")
    [marked] = pages.blocks("leaderboards.md", "markdown")
    (tmp_path / "README.md").write_text(marked)
    made = [line.split("#")[0] for block in pages.blocks("leaderboards.md", "bash") for line in block.splitlines()]
    assert len(made) == 10
    for line in made:
        command, *arguments = shlex.split(line)
        assert command == "harness"
        harness(*arguments)
    assert (tmp_path / "board.html").read_text().startswith("<!doctype html>")
    shown = (tmp_path / "README.md").read_text()
    assert "| protonet" in shown
    assert "linear" not in shown
