"""What is better than it should be is red until somebody believes it: above a ceiling, or above a bound of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import SUITE, Harness
from tests.gate.runs import BEFORE, cell, evaluation, metric, rows, run, verdicts


def test_a_rise_beyond_the_ceiling_is_red_until_it_is_accepted(quick: Harness, baseline: Path, tmp_path: Path) -> None:
    leaking = {**BEFORE, "moco": [value + 0.2 + seed / 1000 for seed, value in enumerate(BEFORE["moco"])]}
    check = ("check", run(tmp_path / "after", leaking), "--baseline", baseline, "--json", "out.json")
    done = quick(*check, "--junit", "out.xml", "--markdown", "out.md", code=1)
    assert "suspicious: moco · conv4 · glyphs: knn 70.1 → 90.3 (+20.2 points" in done.stdout
    assert "better by more than 10.0 points" in done.stdout
    assert "ci: 1 suspicious, 1 within noise." in done.stdout
    assert verdicts(tmp_path / "out.json")["moco knn accuracy"] == "suspicious"
    assert 'failures="1"' in (tmp_path / "out.xml").read_text()
    assert "**suspicious**" in (tmp_path / "out.md").read_text()
    quick(*check, "--accept")
    assert "suspicious, accepted" in rows(tmp_path / "out.json")["moco knn accuracy"]["text"]
    quick(*check, "--update")
    assert "2 within noise" in quick(*check).stdout


@pytest.mark.parametrize(
    ("before", "after", "gate", "verdict"),
    [
        (0.50, 0.61, "", "suspicious"),  # more than ten points
        (0.50, 0.59, "", "improved"),
        (0.90, 0.96, "", "suspicious"),  # more than half the way to 1
        (0.90, 0.94, "", "improved"),
        (0.50, 0.61, "gate: {ceilings: {accuracy: 0.2}}", "improved"),
        (0.50, 0.53, "gate: {ceilings: {accuracy: 0.02}}", "suspicious"),
    ],
)
def test_the_ceiling_is_ten_points_or_half_the_way_or_what_the_suite_says(
    quick: Harness, suite: Callable[[str], Path], tmp_path: Path, before: float, after: float, gate: str, verdict: str
) -> None:
    spread = (-0.003, 0.0, 0.003)
    quick("baseline", run(tmp_path / "before", {"a": [before + each for each in spread]}), "--output", "b.json")
    now = run(tmp_path / "after", {"a": [after + 1.1 * each for each in spread]})
    check = ("check", now, "--baseline", "b.json", "--gate", suite(SUITE + gate + "\n"), "--json", "out.json")
    quick(*check, code=int(verdict == "suspicious"))
    assert verdicts(tmp_path / "out.json") == {"a knn accuracy": verdict}


def bounded(folder: Path, values: Sequence[float], bound: float) -> Path:
    """A run whose kNN scores have a bound of their own, known to a point as they are themselves."""
    most = metric(bound, protocol="'train', left out")
    for seed, value in enumerate(values):
        cell(folder, "a", seed, evaluation("knn", {"accuracy": metric(value, bound=most)}))
    return folder


def test_a_score_above_its_own_bound_is_suspicious_even_if_it_is_new(quick: Harness, tmp_path: Path) -> None:
    values = [0.500, 0.503, 0.497]
    quick("baseline", bounded(tmp_path / "before", values, 0.6), "--output", "b.json")
    out = ("--baseline", "b.json", "--json", "out.json")
    quick("check", bounded(tmp_path / "within", values, 0.481), *out)  # the intervals still touch
    check = ("check", bounded(tmp_path / "above", values, 0.479), *out)
    assert "suspicious: a · conv4 · glyphs: knn 50.0 → 50.0" in quick(*check, code=1).stdout
    assert "50.0 is better than 'train', left out" in rows(tmp_path / "out.json")["a knn accuracy"]["text"]
    quick(*check, "--accept")
    quick(*check, "--update")
    assert "1 within noise" in quick(*check).stdout  # the baseline has it now
    quick("baseline", run(tmp_path / "other", {"b": values}), "--output", "other.json")
    new = bounded(run(tmp_path / "new", {"b": values}), values, 0.3)
    assert "suspicious: a · conv4 · glyphs: knn" in quick("check", new, "--baseline", "other.json", code=1).stdout
