"""Names that are too long for where they are shown still tell apart what they name."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.base.slugs import middle, shorten
from harness.plugins.registry import registry
from harness.reporting import leaderboard
from harness.reporting.leaderboard.tables import build
from harness.reporting.page import render
from harness.running.display import LiveDisplay
from harness.running.progress import Progress
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests.conftest import SUITE, Harness
from tests.gate.runs import run
from tests.records import component, record

START = "/srv/experiments/2026/collections/of-photographs/with-a-long-name/"
END = "/and/the/same/long/end/of/every/path/images"
LONG = "a label that is the same in its first letters and goes on much longer than a table has room for: "


def test_a_name_is_cut_in_the_middle() -> None:
    assert middle("0123456789", 10) == "0123456789"
    assert middle("0123456789x", 10) == "0123…6789x"


def test_names_with_equal_ends_show_what_differs() -> None:
    names = [f"{START}{each}{END}" for each in ("train", "test", "validation-of-2026")]
    found = shorten(names, 40)
    assert max(map(len, found)) <= 40
    assert all(part in short for part, short in zip(("train", "test", "validation"), found, strict=True))


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a" * 50]), st.text("ab/", max_size=60), st.sampled_from(["", "b" * 50])),
        min_size=1,
        max_size=6,
    ),
    st.integers(12, 60),
)
def test_different_names_stay_different(parts: list[tuple[str, str, str]], limit: int) -> None:
    names = ["".join(each) for each in parts]
    found = shorten(names, limit)
    assert len(set(found)) == len(set(names))
    assert len(set(zip(names, found, strict=True))) == len(set(names))
    assert all(len(short) <= limit + len(" #6") for short in found)
    assert all(len(name) > limit or short == name for name, short in zip(names, found, strict=True))


def test_tables_rows_and_columns_with_equal_starts() -> None:
    methods = [component(f"m{number}", f"{LONG}{number}", rate=number) for number in (1, 2)]
    records = [
        record(method, seed, {f"{LONG}knn": 0.5, f"{LONG}linear": 0.6}, dataset=data)
        for data in (component("npz", f"npz (file={START}{each}{END})", size=len(each)) for each in ("one", "second"))
        for method in methods
        for seed in (0, 1)
    ]
    tables = build(records)
    for shown in ([table.title for table in tables], *([row.label for row in table.rows] for table in tables)):
        assert len(set(shown)) == 2
        assert not any("#" in each for each in shown)
    assert [column.title[-3:] for column in tables[0].columns] == ["knn", "ear"]
    assert ["one" in table.title for table in tables] == [True, False]
    page = leaderboard.render(records)
    for full in (f"{LONG}1", f"{LONG}2", f"{LONG}knn", f"npz (file={START}one{END}) · conv4"):
        assert f"is short for: {full}" in page.replace("\\", "")
    lines = list(csv.DictReader(io.StringIO(leaderboard.render(records, "csv"))))
    assert {line["method"] for line in lines} == {f"{LONG}1", f"{LONG}2"}
    assert {line["evaluator"] for line in lines} == {f"{LONG}knn", f"{LONG}linear"}


def test_the_gate_compares_methods_whose_labels_begin_alike(harness: Harness, tmp_path: Path) -> None:
    before = run(tmp_path / "before", {f"{LONG}{number}": [0.5, 0.6] for number in (1, 2)})
    harness("baseline", before, "--output", "baseline.json")
    done = harness("check", before, "--baseline", "baseline.json", "--markdown", "out.md")
    assert "2 within noise" in done.stdout
    assert all(f"{LONG}{number}" in (tmp_path / "out.md").read_text() for number in (1, 2))


def test_figures_name_rows_that_begin_and_end_alike(tmp_path: Path) -> None:
    labels = [f"{LONG}{each} and the same end of all labels" for each in ("first", "second", "third")]
    page = render([record(component(each, each, rate=number), seed, {"knn": 0.5 + seed / 10 + number / 50})
                   for number, each in enumerate(labels) for seed in (0, 1)], tmp_path)  # fmt: skip
    [figure] = [each for each in page.split("<figure>")[1:] if "a mark for each of" in each]
    ticks = [each.split("</text>")[0] for each in figure.split("<text")[1:]]
    assert all(sum(word in tick for tick in ticks) == 1 for word in ("first", "second", "third"))


def test_running_cells_show_their_seeds_in_a_narrow_terminal(suite: Callable[[str], Path], tmp_path: Path) -> None:
    path = suite(SUITE.replace("[classify, idle]", f'[{{use: classify, label: "{LONG}"}}]'))
    plan = Plan.of(load_suite(path, registry()))
    progress = Progress(plan, Store(tmp_path), list(plan.cells))
    for id_ in plan.cells:
        progress.begin(id_)
    out = io.StringIO()
    with LiveDisplay(Console(file=out, width=60, force_terminal=True)) as display:
        display.update(progress)
    assert all(f"seed {seed}  starting" in out.getvalue() for seed in (0, 1))
