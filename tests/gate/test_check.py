"""`harness check` says what it should of every kind of change, and leaves with the right code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SUITE, Harness
from tests.gate.runs import BEFORE, cell, evaluation, metric, rows, run, verdicts


def test_a_drop_is_named_with_its_size_and_the_others_are_not(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    worse = {**BEFORE, "moco": [value - 0.05 + seed / 1000 for seed, value in enumerate(BEFORE["moco"])]}
    done = quick("check", run(tmp_path / "after", worse), "--baseline", baseline, "--json", "out.json", code=1)
    assert "regressed: moco · conv4 · glyphs: knn 70.1 → 65.3 (-4.8 points" in done.stdout
    assert "ci: 1 regressed, 1 within noise." in done.stdout
    table, _, _ = done.stdout.partition("\nregressed: ")
    assert max(map(len, table.splitlines())) <= 80
    assert verdicts(tmp_path / "out.json") == {
        "moco knn accuracy": "regressed",
        "simclr knn accuracy": "within noise",
    }


def test_the_same_run_passes_and_so_does_a_better_one(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    assert "2 within noise" in quick("check", tmp_path / "before", "--baseline", baseline).stdout
    better = {**BEFORE, "moco": [value + 0.05 + seed / 1000 for seed, value in enumerate(BEFORE["moco"])]}
    assert "1 improved" in quick("check", run(tmp_path / "after", better), "--baseline", baseline).stdout


def test_neither_a_large_drop_by_chance_nor_a_sure_but_small_one_is_a_regression(
    quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    after = {
        "simclr": [0.75, 0.84, 0.71, 0.83, 0.76],  # 2.3 points lower, but anything is possible
        "moco": [value - 0.004 for value in BEFORE["moco"]],  # always .4 points lower, and half a point may be
    }
    quick("check", run(tmp_path / "after", after), "--baseline", baseline, "--json", "out.json")
    found = rows(tmp_path / "out.json")
    assert {row["verdict"] for row in found.values()} == {"within noise"}
    assert found["simclr knn accuracy"]["change"] < -0.02
    assert found["moco knn accuracy"]["p"] < 0.01


def test_exactly_the_tolerance_is_not_more_than_it(quick: Harness, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", {"a": [0.8], "b": [0.8]}), "--output", "b.json")
    after = run(tmp_path / "after", {"a": [0.795], "b": [0.79499]})
    done = quick("check", after, "--baseline", "b.json", "--json", "out.json", code=1)
    assert verdicts(tmp_path / "out.json") == {"a knn accuracy": "within noise", "b knn accuracy": "regressed"}
    assert "1 regressed, 1 within noise" in done.stdout


def test_a_vanished_cell_fails(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"], "moco": BEFORE["moco"][:4]})
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "missing: moco · conv4 · glyphs: knn (no cell of seed 4)" in done.stdout
    gone = run(tmp_path / "gone", {"simclr": BEFORE["simclr"]})
    assert "missing: moco" in quick("check", gone, "--baseline", baseline, code=1).stdout


def test_a_vanished_evaluator_fails(quick: Harness, tmp_path: Path) -> None:
    for seed in (0, 1):
        both = [evaluation("knn", {"accuracy": 0.5}), evaluation("uniformity", {"alignment": 0.5})]
        cell(tmp_path / "before", "simclr", seed, *both)
        cell(tmp_path / "after", "simclr", seed, both[0])
    quick("baseline", tmp_path / "before", "--output", "b.json")
    done = quick("check", tmp_path / "after", "--baseline", "b.json", code=1)
    assert "missing: simclr · conv4 · glyphs: uniformity alignment (seeds 0, 1 not scored)" in done.stdout


def test_a_failed_cell_fails_with_its_message(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"], "moco": BEFORE["moco"][:4]})
    cell(after, "moco", 4, failure="failed: ValueError: it is broken")
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "failed: moco · conv4 · glyphs: knn (seed 4 failed: ValueError: it is broken)" in done.stdout


def test_a_seed_that_the_baseline_has_not_fails_too(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", BEFORE)
    cell(after, "moco", 98, failure="oom: no memory")
    cell(after, "moco", 99, failure="failed: ValueError: it is broken")
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "failed: moco · conv4 · glyphs (seed 98 oom: no memory; and 1 more)" in done.stdout
    assert "ci: 1 failed, 2 within noise." in done.stdout


def test_scores_of_an_earlier_run_do_not_hide_that_the_latest_failed(
    quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"]})
    run(after, {"moco": BEFORE["moco"]}, failure="failed: ValueError: it is broken")
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "failed: moco · conv4 · glyphs (seed 0 failed: ValueError: it is broken; and 4 more)" in done.stdout


def test_a_score_that_is_no_number_fails(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"], "moco": BEFORE["moco"][:4]})
    cell(after, "moco", 4, evaluation("knn", {"accuracy": None}))
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "failed: moco · conv4 · glyphs: knn (seed 4: not a number)" in done.stdout


def test_a_new_method_is_no_failure_unless_it_fails(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {**BEFORE, "byol": [0.1, 0.2]})
    assert "1 new, 2 within noise" in quick("check", after, "--baseline", baseline).stdout
    cell(after, "byol", 2, failure="oom: no memory")
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "failed: byol · conv4 · glyphs (seed 2 oom: no memory)" in done.stdout


def test_another_version_of_an_evaluator_is_not_comparable(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"]})
    for seed, value in enumerate(BEFORE["moco"]):
        cell(after, "moco", seed, evaluation("knn", {"accuracy": value}, version="2.0"))
    done = quick("check", after, "--baseline", baseline, code=3)
    assert "not comparable: moco · conv4 · glyphs: knn (another evaluator: version 1.0 → 2.0)" in done.stdout


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"suite_budget": {"steps": 200, "epochs": None}}, "another budget: steps 100 → 200"),
        (
            {"dataset": {"name": "glyphs", "label": "glyphs", "options": {}, "decides": [], "fingerprint": "f1"}},
            "f0 → f1",
        ),
        (
            {"backbone": {"name": "conv4", "label": "conv4", "options": {"width": 8}, "decides": ["width"]}},
            "another backbone: width 64 → 8",
        ),
    ],
    ids=["budget", "data", "backbone"],
)
def test_what_measures_something_else_is_not_comparable(
    change: dict[str, Any], why: str, quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    done = quick("check", run(tmp_path / "after", BEFORE, **change), "--baseline", baseline, code=3)
    assert why in done.stdout
    assert "nothing could be compared: 2 not comparable" in done.stdout


def test_a_regression_outweighs_what_cannot_be_compared(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": [0.1, 0.11, 0.1, 0.12, 0.1]})
    for seed, value in enumerate(BEFORE["moco"]):
        cell(after, "moco", seed, evaluation("knn", {"accuracy": value}, version="2.0"))
    assert "1 regressed, 1 not comparable" in quick("check", after, "--baseline", baseline, code=1).stdout


def test_other_options_of_a_method_are_compared_and_said(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", BEFORE, options={"temperature": 2.0}, machine={"torch": "2.7.0"})
    done = quick("check", after, "--baseline", baseline)
    assert "differs: moco · conv4 · glyphs: temperature none → 2.0" in done.stdout
    assert "differs: versions: torch 2.6.0 → 2.7.0" in done.stdout


def test_empty_results_are_nothing_to_compare(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = quick("check", tmp_path / "empty", "--baseline", baseline, code=3)
    assert "nothing could be compared: 2 missing" in done.stdout


def test_damaged_results_are_nothing_to_compare_in_every_format(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    for each in (tmp_path / "before" / "cells").iterdir():
        (each / "cell.json").write_text("{")
    outputs = ("--junit", "out.xml", "--json", "out.json")
    done = quick("check", tmp_path / "before", "--baseline", baseline, *outputs, code=3)
    assert "nothing could be compared: 2 missing" in done.stdout
    assert done.stderr.count("cell.json") == 10
    assert set(verdicts(tmp_path / "out.json").values()) == {"missing"}
    assert b"anything to compare" in (tmp_path / "out.xml").read_bytes()


def test_equal_changes_are_certain_unless_images_are_counted(quick: Harness, tmp_path: Path) -> None:
    """Of 20 images a score is a multiple of .05; of 20 episodes it is much finer."""
    for folder, drop in (("before", 0.0), ("after", 0.05)):
        for seed in range(2):
            for unit in ("image", "episode"):
                score = metric(0.5 + seed / 10 - drop, n=20, unit=unit)
                cell(tmp_path / folder, unit, seed, evaluation("knn", {"accuracy": score}))
    quick("baseline", tmp_path / "before", "--output", "b.json")
    quick("check", tmp_path / "after", "--baseline", "b.json", "--json", "out.json", code=1)
    found = verdicts(tmp_path / "out.json")
    assert found == {"episode knn accuracy": "regressed", "image knn accuracy": "within noise"}


def test_a_damaged_baseline_cannot_be_judged_by(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    text = baseline.read_text()
    for damaged in (text.replace("0.705", "0.605"), text[:-40], "", "[]", "<<<<<<< HEAD\n"):
        baseline.write_text(damaged)
        done = quick("check", tmp_path / "before", "--baseline", baseline, code=3)
        assert "is damaged" in done.stderr
        assert "make it again with 'harness baseline DIR" in done.stderr


def test_a_baseline_that_is_not_there_or_of_another_version_is_a_mistake(
    quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    done = quick("check", tmp_path / "before", "--baseline", tmp_path / "none.json", code=2)
    assert "there is no such file; 'harness baseline DIR" in done.stderr
    whole = json.loads(baseline.read_text())
    del whole["check"]
    baseline.write_text(json.dumps({**whole, "baseline": 1}))
    done = quick("check", tmp_path / "before", "--baseline", baseline, code=2)
    assert "is a baseline of version 1, and this harness reads version 2" in done.stderr
    quick("check", tmp_path / "nowhere", "--baseline", baseline, code=2)


def test_one_seed_has_no_test_and_the_tolerance_decides(quick: Harness, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", {"a": [0.8], "b": [0.8]}), "--output", "b.json")
    done = quick("check", run(tmp_path / "after", {"a": [0.79], "b": [0.798]}), "--baseline", "b.json", code=1)
    assert "regressed: a · conv4 · glyphs: knn 80.0 → 79.0 (-1.0 points, 1 seed, no test: one seed)" in done.stdout
    assert "1 regressed, 1 within noise" in done.stdout


def test_other_seeds_are_compared_without_pairs(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"][::-1], "moco": [0.5, 0.51, 0.49, 0.5, 0.5]}, first=10)
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "regressed: moco · conv4 · glyphs: knn 70.1 → 50.0" in done.stdout
    assert "5 seeds, other seeds, not paired" in done.stdout


def test_other_seeds_do_not_excuse_fewer(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"], "moco": BEFORE["moco"][:4]}, first=10)
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "missing: moco · conv4 · glyphs: knn (other seeds, and fewer: 5 → 4)" in done.stdout
    assert "ci: 1 missing, 1 within noise." in done.stdout


def test_lower_is_better_where_the_record_says_so(quick: Harness, suite: Callable[[str], Path], tmp_path: Path) -> None:
    for folder, values in (("before", [0.10, 0.11, 0.12]), ("after", [0.20, 0.21, 0.22])):
        for seed, value in enumerate(values):
            error = metric(value, higher_is_better=False)
            cell(tmp_path / folder, "simclr", seed, evaluation("nearest", {"error": error}))
    quick("baseline", tmp_path / "before", "--output", "b.json")
    unasked = quick("check", tmp_path / "after", "--baseline", "b.json", code=3)
    assert "nothing could be compared" in unasked.stdout
    gated = suite(SUITE + "gate: {metrics: {error: 0.05}}\n")
    done = quick("check", tmp_path / "after", "--baseline", "b.json", "--gate", gated, code=1)
    assert "regressed: simclr · conv4 · glyphs: nearest error 0.11 → 0.21 (+0.1, " in done.stdout


def test_a_folder_with_two_versions_of_a_cell_is_refused(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    run(tmp_path / "before", BEFORE, options={"temperature": 2.0})
    done = quick("check", tmp_path / "before", "--baseline", baseline, code=2)
    assert "holds two cells 'moco · conv4 · glyphs · seed 0'" in done.stderr
    assert f"'harness forget {tmp_path / 'before'} --not-in SUITE --yes' removes" in done.stderr
    shutil.rmtree(tmp_path / "before")
    two = [evaluation("knn", {"accuracy": 0.5}), evaluation("knn", {"accuracy": 0.5}, version="2.0")]
    cell(tmp_path / "before", "simclr", 0, *two)
    done = quick("check", tmp_path / "before", "--baseline", baseline, code=2)
    assert "has been scored by two evaluators 'knn'" in done.stderr


def test_no_baseline_is_made_of_failures(quick: Harness, tmp_path: Path) -> None:
    folder = run(tmp_path / "before", BEFORE)
    cell(folder, "moco", 9, failure="failed: ValueError: it is broken")
    done = quick("baseline", folder, "--output", "b.json", code=2)
    assert (
        "no baseline was written, because there are cells that failed: moco · conv4 · glyphs · seed 9 (failed: Val"
        in done.stderr
    )
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("evaluations", "why"),
    [
        ([], "no knn accuracy"),
        ([evaluation("knn", {"accuracy": None})], "no knn accuracy"),
        (
            [evaluation("knn", {"accuracy": 0.5}), evaluation("linear", {"accuracy": 0.5})],
            "seed 0 (no linear accuracy), ",
        ),
    ],
    ids=["not scored", "no number", "scored by more"],
)
def test_no_baseline_is_made_of_an_unfinished_run(
    evaluations: list[Any], why: str, quick: Harness, tmp_path: Path
) -> None:
    folder = run(tmp_path / "before", BEFORE)
    cell(folder, "moco", 9, *evaluations)
    done = quick("baseline", folder, "--output", "b.json", code=2)
    assert (
        "no baseline was written, because there are cells without all of their scores: moco · conv4 · glyphs · seed "
        in done.stderr
    )
    assert why in done.stderr
    assert not (tmp_path / "b.json").exists()


def test_no_baseline_is_made_of_a_group_without_any_score(quick: Harness, tmp_path: Path) -> None:
    cell(tmp_path / "before", "moco", 0)
    done = quick("baseline", tmp_path / "before", "--output", "b.json", code=2)
    assert "moco · conv4 · glyphs · seed 0 (no score)" in done.stderr


def test_a_group_that_vanished_is_missing_even_if_its_baseline_has_no_score(
    quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    whole = json.loads(baseline.read_text())
    del whole["check"]  # as an earlier version wrote it
    whole["groups"]["moco · conv4 · glyphs"]["evaluations"] = {}
    baseline.write_text(json.dumps(whole))
    after = run(tmp_path / "after", {"simclr": BEFORE["simclr"]})
    done = quick("check", after, "--baseline", baseline, code=1)
    assert "missing: moco · conv4 · glyphs (no such cells)" in done.stdout


def test_a_baseline_does_not_depend_on_where_its_records_lie(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "before", tmp_path / "copy")
    quick("baseline", tmp_path / "copy", "--output", "again.json")
    assert (tmp_path / "again.json").read_bytes() == baseline.read_bytes()
    assert len(baseline.read_bytes()) < 6000


def test_update_shows_the_difference_and_makes_the_run_the_baseline(
    quick: Harness, baseline: Path, tmp_path: Path
) -> None:
    worse = run(tmp_path / "after", {**BEFORE, "moco": [0.5, 0.51, 0.49, 0.5, 0.505]})
    done = quick("check", worse, "--baseline", baseline, "--update")
    assert "regressed: moco" in done.stdout
    assert "baseline.json now holds this run" in done.stdout
    assert "2 within noise" in quick("check", worse, "--baseline", baseline).stdout


def test_update_keeps_what_the_run_lacks(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    before = baseline.read_bytes()
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", run(tmp_path / "after", {"simclr": BEFORE["simclr"]})):
        done = quick("check", target, "--baseline", baseline, "--update", code=2)
        assert (
            "baseline.json: not updated, because this run lacks rows that it has: moco · conv4 · glyphs: knn"
            in done.stderr
        )
        assert "'harness baseline DIR --output" in done.stderr
        assert baseline.read_bytes() == before
