"""What `harness check` and `compare` write: JUnit, Markdown, JSON, annotations, and costs if they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import SUITE, Harness
from tests.gate.runs import cell, evaluation, run

Suite = Callable[[str], Path]
BEFORE = {"a": [0.80, 0.81, 0.79], "b": [0.70, 0.71, 0.69], "c": [0.5, 0.5, 0.5]}


@pytest.fixture
def runs(quick: Harness, tmp_path: Path) -> Path:
    """A baseline, and a run in which one method is as it was, one is worse, one is gone and one is new."""
    quick("baseline", run(tmp_path / "before", BEFORE), "--output", "b.json")
    return run(tmp_path / "after", {"a": BEFORE["a"], "b": [0.4, 0.411, 0.391], "<d>": [0.1, 0.1, 0.1]})


def test_junit_has_a_case_for_each_row(quick: Harness, runs: Path, tmp_path: Path) -> None:
    quick("check", runs, "--baseline", "b.json", "--junit", "out.xml", code=1)
    [suite] = ET.parse(tmp_path / "out.xml").getroot()
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    cases = {case.get("classname"): case for case in suite}
    failure = cases["b · conv4 · glyphs"].find("failure")
    assert failure is not None
    assert failure.get("type") == "regressed"
    assert "knn 70.0 → 40.1 (-29.9 points" in (failure.get("message") or "")
    assert cases["<d> · conv4 · glyphs"].find("skipped") is not None


def test_junit_is_red_if_nothing_can_be_compared(quick: Harness, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", run(tmp_path / "other", {"z": [0.5]})):
        quick("check", target, "--baseline", "b.json", "--junit", "out.xml", code=3)
        [suite] = ET.parse(tmp_path / "out.xml").getroot()
        assert suite.get("errors") == "1"
        assert suite[-1].get("name") == "anything to compare"
    assert runs.exists()


def test_markdown_and_json_say_the_same(quick: Harness, runs: Path, tmp_path: Path) -> None:
    quick("check", runs, "--baseline", "b.json", "--markdown", "out.md", "--json", "out.json", code=1)
    markdown, found = (tmp_path / "out.md").read_text(), json.loads((tmp_path / "out.json").read_text())
    assert markdown.startswith("# Check: failed\n\nci: 1 regressed, 1 missing, 1 new, 1 within noise.\n")
    assert found["summary"] == "1 regressed, 1 missing, 1 new, 1 within noise"
    assert found["exit_code"] == 1
    assert "| b " in markdown
    assert "**regressed**" in markdown
    assert "&lt;d&gt;" in markdown
    assert "<d>" not in markdown
    [row] = [row for row in found["rows"] if row["method"] == "b"]
    assert row["before"] == pytest.approx(0.7)
    assert row["change"] == pytest.approx(-0.29933, abs=1e-5)
    assert row["seeds"] == 3


def test_in_actions_alarms_are_annotations_and_the_report_is_the_steps_summary(
    quick: Harness, runs: Path, tmp_path: Path
) -> None:
    (tmp_path / "summary.md").write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    done = quick("check", runs, "--baseline", "b.json", code=1, env=env)
    said = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert len(said) == 2
    assert said[0].startswith(
        "::error title=harness check%3A regressed::regressed: b · conv4 · glyphs: knn 70.0 → 40.1"
    )
    assert (tmp_path / "summary.md").read_text().startswith("before\n# Check: failed")
    assert "::error" not in quick("check", runs, "--baseline", "b.json", code=1).stdout
    good = quick("check", tmp_path / "before", "--baseline", "b.json", env=env)
    assert "::" not in good.stdout


def test_a_message_cannot_start_a_command_of_its_own(quick: Harness, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", BEFORE), "--output", "b.json")
    after = run(tmp_path / "after", {"a": BEFORE["a"], "b": BEFORE["b"]})
    cell(after, "c", 0, failure="failed: no\n::stop-commands::x 100%")
    done = quick("check", after, "--baseline", "b.json", code=1, env={"GITHUB_ACTIONS": "true"})
    assert [line for line in done.stdout.splitlines() if line.startswith("::")] == [
        "::error title=harness check%3A failed::failed: c · conv4 · glyphs: knn "
        "(seed 0 failed: no ::stop-commands::x 100%25)"
    ]


def test_costs_are_compared_as_ratios_if_asked_for_and_only_on_the_same_hardware(
    quick: Harness, suite: Suite, tmp_path: Path
) -> None:
    def timed(folder: str, speed: float, memory: float, **machine: object) -> Path:
        for seed in range(3):
            training = {"samples_per_second": speed * (1 + seed / 100), "peak_memory_mb": memory + seed}
            score = evaluation("knn", {"accuracy": 0.5})
            cell(tmp_path / folder, "a", seed, score, training=training, machine=machine)
        return tmp_path / folder

    quick("baseline", timed("before", 1000, 500), "--output", "b.json")
    gated = suite(SUITE + "gate: {speed: 1.5, memory: 1.2}\n")
    check = ("--baseline", "b.json", "--gate", gated)
    done = quick("check", timed("slow", 500, 500), *check, code=1)
    assert "regressed: a · conv4 · glyphs: speed 1,010 → 505 (×0.50, p <.001, 3 seeds)" in done.stdout
    assert "1 regressed, 2 within noise" in done.stdout
    assert "memory 501 → 701 (×1.40, " in quick("check", timed("large", 1000, 700), *check, code=1).stdout
    assert "3 within noise" in quick("check", timed("slower", 800, 550), *check).stdout
    assert "1 improved, 2 within noise" in quick("check", timed("faster", 1700, 500), *check).stdout
    assert "1 within noise" in quick("check", tmp_path / "slow", "--baseline", "b.json").stdout
    done = quick("check", timed("elsewhere", 1000, 500, cpu="Another CPU"), *check, code=3)
    assert "speed (other hardware: cpu Some CPU → Another CPU)" in done.stdout


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (None, 10.0, "(the baseline has no number)"),
        (0.0, 10.0, "(the baseline has no number)"),
        (10.0, 0.0, "(this run has 0 for seeds 0, 1)"),
    ],
)
def test_a_cost_that_is_asked_for_and_cannot_be_compared_is_said(
    before: float | None, after: float, why: str, quick: Harness, suite: Suite, tmp_path: Path
) -> None:
    for folder, speed in (("before", before), ("after", after)):
        run(tmp_path / folder, {"a": [0.5, 0.5]}, training={"samples_per_second": speed})
        run(tmp_path / folder, {"idle": [0.5, 0.5]}, training={"samples_per_second": 0.0})  # what never trains
    quick("baseline", tmp_path / "before", "--output", "b.json")
    gated = suite(SUITE + "gate: {speed: 1.5}\n")
    done = quick("check", tmp_path / "after", "--baseline", "b.json", "--gate", gated, code=3)
    assert f"not comparable: a · conv4 · glyphs: speed {why}" in done.stdout
    assert "1 not comparable, 2 within noise" in done.stdout


def test_compare_tells_what_changed_and_does_not_fail(quick: Harness, runs: Path, tmp_path: Path) -> None:
    done = quick("compare", tmp_path / "before", runs, "--json", "out.json")
    assert "regressed: b · conv4 · glyphs: knn 70.0 → 40.1" in done.stdout
    assert "missing: c · conv4 · glyphs: knn (no such cells)" in done.stdout
    assert "ci: 1 regressed, 1 missing, 1 new, 1 within noise." in done.stdout
    assert len(json.loads((tmp_path / "out.json").read_text())["rows"]) == 4
    for pair in ((runs, "nowhere"), ("nowhere", runs)):
        assert "nowhere: there is no such folder" in quick("compare", *pair, code=2).stderr


def test_compare_shows_metrics_that_no_gate_asks_for(quick: Harness, tmp_path: Path) -> None:
    for folder, offset in (("before", 0.0), ("after", 0.5)):
        for seed in range(3):
            cell(tmp_path / folder, "a", seed, evaluation("uniformity", {"alignment": 1 + offset + seed / 100}))
    assert "uniformity alignment" in quick("compare", tmp_path / "before", tmp_path / "after").stdout


def test_the_report_says_how_little_few_seeds_can_see(quick: Harness, runs: Path) -> None:
    # two tests: t(2) at .025 is 4.303, over sqrt(3)
    said = " ".join(quick("check", runs, "--baseline", "b.json", code=1).stdout.split())
    assert "With 2 tests and 3 seeds that takes a change of 2.48 standard deviations of its differences" in said


def test_what_it_says_of_seeds_is_of_paired_rows(quick: Harness, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", {"a": [0.80, 0.81, 0.79], "b": [0.7, 0.71]}), "--output", "b.json")
    other = run(tmp_path / "other", {"a": [0.80, 0.81, 0.79], "b": [0.7, 0.71]}, first=10)
    assert "standard deviations" not in quick("check", other, "--baseline", "b.json").stdout
    mixed = run(tmp_path / "mixed", {"a": [0.80, 0.81, 0.79]})
    said = " ".join(quick("check", run(mixed, {"b": [0.7, 0.71]}, first=10), "--baseline", "b.json").stdout.split())
    # the adjustment is for both tests, as above
    assert "With 2 tests and 3 seeds that takes, where seeds are paired, a change of 2.48 standard deviations" in said
