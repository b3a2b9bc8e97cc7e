"""The section `gate` of a suite: mistakes are named with file, line and the nearest right thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.plugins.registry import registry
from harness.suite.suite import load_suite
from tests.conftest import SUITE, Harness
from tests.gate.runs import cell, evaluation, run

Suite = Callable[[str], Path]
LINES = SUITE.count("\n")


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ("gate: {alhpa: 0.1}", 1, "gate has no 'alhpa'. Did you mean 'alpha'?"),
        ("gate: {alpha: 5}", 1, "alpha must be between 0 and 1, not 5.0"),
        ("gate:\n  speed: 0.8", 2, "speed is a ratio of 1 or more (1.2: a fifth worse), not 0.8"),
        ("gate:\n  metrics:\n    accuracy: 2", 3, "a tolerance of one point is 0.01, not 2"),
        ("gate:\n  metrics:\n    accuracy: -0.1", 3, "the tolerance of accuracy is a number of 0 or more, not -0.1"),
        ("gate:\n  metrics: 0.01", 2, "metrics must be a mapping of names to tolerances, not 0.01"),
        (
            "gate:\n  evaluators:\n    nearst: {accuracy: 0.1}",
            3,
            "the suite has no evaluator 'nearst'. Did you mean 'nearest'?",
        ),
        ("gate: 0.01", 1, "gate must be a mapping of names to values, not 0.01"),
        ("gat: {}", 1, "a suite has no 'gat'. Did you mean 'gate'?"),
    ],
)
def test_mistakes_are_named(section: str, line: int, said: str, quick: Harness, suite: Suite) -> None:
    path = suite(f"{SUITE}{section}\n")
    done = quick("plan", path, code=2)
    assert f"{path}:{LINES + line}: " in done.stderr
    assert said in done.stderr


def test_the_nearest_tolerance_holds(suite: Suite) -> None:
    section = "gate: {metrics: {accuracy: 0.02, error: 1}, evaluators: {nearest: {accuracy: 0.03}}}\n"
    gate = load_suite(suite(SUITE + section), registry()).gate
    assert gate.tolerance("nearest", "accuracy", percent=True) == 0.03
    assert gate.tolerance("other", "accuracy", percent=True) == 0.02
    assert gate.tolerance("nearest", "error", percent=False) == 1
    assert gate.tolerance("nearest", "alignment", percent=False) is None
    assert load_suite(suite(SUITE), registry()).gate.tolerance("nearest", "accuracy", percent=True) == 0.005


def test_a_tolerance_for_a_metric_that_is_nowhere_is_refused(quick: Harness, suite: Suite, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", {"a": [0.5]}), "--output", "b.json")
    path = suite(SUITE + "gate:\n  metrics:\n    acuracy: 0.1\n")
    done = quick("check", tmp_path / "before", "--baseline", "b.json", "--gate", path, code=2)
    assert f"{path}:{LINES + 3}: no record has a metric 'acuracy'. Did you mean 'accuracy'?" in done.stderr


def test_a_tolerance_of_an_evaluator_is_looked_for_in_its_own_metrics(
    quick: Harness, suite: Suite, tmp_path: Path
) -> None:
    both = [evaluation("nearest", {"accuracy": 0.5}), evaluation("other", {"loss": 0.5})]
    cell(tmp_path / "before", "a", 0, *both)
    quick("baseline", tmp_path / "before", "--output", "b.json")
    path = suite(SUITE + "gate:\n  evaluators:\n    nearest:\n      loss: 0.1\n")
    done = quick("check", tmp_path / "before", "--baseline", "b.json", "--gate", path, code=2)
    assert f"{path}:{LINES + 4}: no record of 'nearest' has a metric 'loss'." in done.stderr


def test_options_for_a_suite_are_refused_with_a_folder(quick: Harness, suite: Suite, tmp_path: Path) -> None:
    quick("baseline", run(tmp_path / "before", {"a": [0.5]}), "--output", "b.json")
    done = quick("check", tmp_path / "before", "--baseline", "b.json", "--fresh", code=2)
    assert "the options of runs need a suite" in done.stderr
    done = quick("check", tmp_path / "before", "--baseline", "b.json", "--device", "cpu", code=2)
    assert "the options of runs need a suite" in done.stderr
    done = quick("check", suite(SUITE), "--baseline", "b.json", "--gate", suite(SUITE), code=2)
    assert "--gate is for a results folder" in done.stderr
