"""A suite that changed: its tables show what it asks for under today's labels, and what is left over can be removed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SUITE, Harness

TWO = SUITE.replace("seed: [0, 1]", "seed: [0]").replace(
    "  nearest: {}", "  A: {use: knn, k: 5}\n  B: {use: knn, k: 40}"
)


def test_swapped_and_renamed_labels_show_at_the_next_run(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    def scores() -> dict[tuple[str, int], float]:
        found = {}
        for path in (tmp_path / "results/toy/cells").glob("*/evaluations/*.json"):
            said = json.loads(path.read_text())
            found[said["label"], said["evaluator"]["options"]["k"]] = said["metrics"]["accuracy"]["value"]
        return found

    one = TWO.replace("[classify, idle]", "[idle]")
    harness("run", suite(one))
    before = scores()
    assert set(before) == {("A", 5), ("B", 40)}
    swapped = one.replace("A: {use: knn, k: 5}", "A: {use: knn, k: 40}").replace(
        "B: {use: knn, k: 40}", "C: {use: knn, k: 5}"
    )
    done = harness("run", suite(swapped))
    assert "1 already done" in done.stdout
    assert scores() == {("A", 40): before["B", 40], ("C", 5): before["A", 5]}
    assert re.search(r"method +A +C +mean rank +n", done.stdout)
    harness("compact", "results/toy")
    harness("run", suite(one))
    assert scores() == before  # also where records are read from copies


def test_what_the_suite_does_not_ask_for_is_not_shown_and_can_be_removed(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    harness("run", suite(TWO))
    fewer = suite(TWO.replace("[classify, idle]", "[idle]").replace("\n  B: {use: knn, k: 40}", ""))
    done = harness("run", fewer)
    table, _, after = done.stdout.partition("Leaderboard: ")
    assert "idle" in table
    assert "classify" not in table
    assert re.search(r"method +A +mean rank +n", table)
    said = " ".join(after.split())
    assert "1 more cell in results/toy, of other suites or of this one before it changed." in said
    assert f"harness forget results/toy --not-in {fewer} " in said
    assert "classify" not in (tmp_path / "results/toy/leaderboard.md").read_text()
    assert "classify" in harness("leaderboard", "results/toy").stdout
    listed = harness("forget", "results/toy", "--not-in", fewer)
    assert "classify · flat · blobs · seed 0" in listed.stdout
    assert "1 of 2 cells. Nothing is removed yet" in listed.stdout
    assert len(list((tmp_path / "results/toy/cells").iterdir())) == 2
    assert "1 of 2 cells removed." in harness("forget", "results/toy", "--not-in", fewer, "--yes").stdout
    (left,) = (tmp_path / "results/toy/cells").iterdir()
    assert "1 already done" in harness("run", fewer).stdout
    assert "there is no cell 'zzz'" in harness("forget", "results/toy", "zzz", code=2).stderr
    assert "give the ids of cells, or a suite" in harness("forget", "results/toy", code=2).stderr
    assert "1 of 1 cell removed." in harness("forget", "results/toy", left.name[:6], "--yes").stdout
    assert "holds no results" in harness("forget", "results/toy", left.name, code=2).stderr
