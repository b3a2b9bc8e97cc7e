"""What a leaderboard shows first and what on request: the table, notes after it, costs, and how to read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.reporting.leaderboard import View, render
from harness.reporting.leaderboard.reading import BOLD, MEASURED, OVER, RANKED, TIES, WITHIN, how_to_read
from harness.reporting.leaderboard.tables import build
from harness.store.records import CellRecord
from harness.store.results_folder import Store
from tests.conftest import Harness
from tests.records import metric, quickstart, record, seeds, terminal

QUICKSTART = Path(__file__).parent.parent / "results" / "reference" / "quickstart"


def scored(text: str) -> list[str]:
    """The rows of the tables of scores, with all their numbers."""
    return [line for line in text.splitlines() if line.startswith("| ") and "±" in line]


def test_a_brief_board_is_the_first_table_of_the_whole_one() -> None:
    whole, brief = render(quickstart()), render(quickstart(), view=View(brief=True))
    blocks = brief.strip().split("\n\n")
    assert blocks[0] == "**glyphs · conv4**"
    assert blocks[1] == next(block for block in whole.split("\n\n") if block.startswith("|"))
    assert blocks[2:] == ["- † transductive BN: not comparable with the column's protocol (inductive), so not ranked."]
    assert not re.search(r"^#|<details>|train s", brief, re.MULTILINE)


def test_a_brief_board_has_costs_on_request() -> None:
    whole = render(quickstart())
    brief = render(quickstart(), view=View(brief=True, costs=True))
    tables = [block for block in brief.split("\n\n") if block.startswith("|")]
    assert tables == [block for block in whole.split("\n\n") if block.startswith("|")][:2]
    assert "train s" in tables[1]


def test_a_brief_pivot_has_a_table_for_each_metric() -> None:
    records = Store(QUICKSTART).records()
    brief = render(records, view=View(brief=True, pivot=True))
    assert re.findall(r"^\*\*(.*)\*\*$", brief, re.MULTILINE) == ["5-way 1-shot", "5-way 5-shot", "knn", "linear"]
    assert "train s" not in brief
    assert render(records, view=View(brief=True, pivot=True, costs=True)).count("train s") == 1


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal_the_table_comes_first_and_notes_after_it(width: int) -> None:
    failed = record("moco", 9, training=False, failure={"status": "oom", "message": "too large"})
    shown = terminal([*quickstart(), failed], width)
    order = ["glyphs · conv4", "protonet", "untrained", "Failed: moco", "- ± is over 3 seeds", "How to read:"]
    places = [shown.index(each) for each in order]
    assert places == sorted(places)
    assert "train s" not in shown
    assert "Costs are means" not in shown
    prose = shown[places[4] :].splitlines()
    assert max(map(len, prose)) <= min(width, 100)
    assert all(line[:2] in ("- ", "  ", "") or line == "How to read:" for line in prose)


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal_costs_come_on_request(width: int) -> None:
    shown = " ".join(terminal(quickstart(), width, View(costs=True)).split())
    assert (
        shown.index("protonet") < shown.index("budget") < shown.index("Costs are means") < shown.index("How to read:")
    )


def reading(records: list[CellRecord], *, ties: bool = True) -> str:
    return "\n".join(how_to_read(build(records), ties=ties))


def test_the_lines_on_reading_name_what_is_in_the_table() -> None:
    said = reading(quickstart())
    assert said.startswith("Accuracies in %, mean over seeds, ± half the width")
    [example] = re.findall(r"^\((\d+-\d+)\)", said, re.MULTILINE)
    assert f"({example})" in render(quickstart()).split("mean rank", 1)[1]
    for line in (MEASURED, BOLD, RANKED, TIES):
        assert line in said
    assert WITHIN not in said
    assert TIES not in reading(quickstart(), ties=False)


def test_the_lines_on_reading_name_nothing_else() -> None:
    alone = metric(0.5, half_width=None)
    assert reading([record(scores={"knn": alone})]) == "Accuracies in %."
    assert reading([record(scores={"knn": 0.5})]).splitlines() == ["Accuracies in %.", WITHIN, MEASURED]
    assert (
        reading([record("a", seed, {"knn": alone}) for seed in (0, 1)]) == f"Accuracies in %, mean over seeds, {OVER}."
    )
    loss = metric(1.5, half_width=None, higher_is_better=False, shown="number")
    losses = [
        record(evaluations={"a": {"label": "a", "metrics": {"loss": loss}, "seconds": 1.0, "evaluator": {}}}),
    ]
    assert reading(losses) == ""
    assert "How to read" not in render(losses)
    assert reading([record(training=False, failure={"status": "failed"})]) == ""
    equal = [*seeds("a", [0.5, 0.6, 0.4]), *seeds("b", [0.6, 0.4, 0.5])]
    assert "\n(1-2): the ranks that the row can have, here from 1 to 2." in reading(equal)
    apart = [*seeds("a", [0.5, 0.51, 0.49]), *seeds("b", [0.9, 0.91, 0.89])]
    assert "\n(1): the ranks that the row can have, here 1." in reading(apart)
    assert TIES not in reading(apart)


def test_the_command_shows_what_its_options_ask_for(harness: Harness) -> None:
    shown = harness("leaderboard", QUICKSTART, "--format", "terminal").stdout
    assert "\nmethod " in shown
    assert "How to read:" in shown
    assert "peak" not in shown
    assert "peak" in harness("leaderboard", QUICKSTART, "--format", "terminal", "--costs").stdout
    brief = harness("leaderboard", QUICKSTART, "--brief").stdout
    committed = (QUICKSTART / "leaderboard.md").read_text(encoding="utf-8")
    assert scored(brief)
    assert scored(brief) == scored(committed)[: len(scored(brief))]
    assert (
        "leave out --format terminal"
        in harness("leaderboard", QUICKSTART, "--format", "terminal", "--output", "board.txt", code=2).stderr
    )
    assert (
        "leave out --brief and --costs"
        in harness("leaderboard", QUICKSTART, "--format", "csv", "--brief", code=2).stderr
    )


def test_a_marker_may_ask_for_a_brief_board(harness: Harness, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\n<!-- leaderboard: '{QUICKSTART}' --brief -->\n<!-- end of leaderboard -->\n")
    harness("leaderboard", "--inject", page)
    brief = harness("leaderboard", QUICKSTART, "--brief").stdout
    assert page.read_text().partition("--brief -->\n")[2] == f"{brief}<!-- end of leaderboard -->\n"
