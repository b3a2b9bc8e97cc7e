"""A data set that is made of others: how a suite names them, and that ids, plans and records hold all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import UsageError
from harness.plugins.registry import registry
from harness.reporting.gate.snapshot import component
from harness.reporting.leaderboard.identity import identity
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile, dump
from harness.suite.recorded import recorded_cell
from harness.suite.suite import Suite, load_suite

Write = Callable[[str], Path]


def load(path: Path) -> Suite:
    return load_suite(path, registry())


MATRICES = """\
name: two
matrix:
- {method: [classify, idle], backbone: [flat], dataset: [blobs], seed: [0, 1]}
- {method: [idle], backbone: [mlp], dataset: [{use: table, path: mine.csv}]}
budget: {steps: 30, batch_size: 32}
evaluators:
  nearest: {}
  far: {use: nearest, data: {use: blobs, classes: 3}}
"""


MIXED = MATRICES.replace(
    "dataset: [blobs]",
    "dataset: [{use: mixture, size: 8, of: {a: {use: blobs, classes: 3}, blobs: {marker: here}}}]",
).replace("data: {use: blobs, classes: 3}", "data: {use: mixture, of: {digits: }}")


def test_a_data_set_that_is_made_of_others(suite: Write, tmp_path: Path) -> None:
    """Each with its own options, path and fingerprint; all of them survive the file of a plan, and a record."""
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n2,y\n")
    (tmp_path / "here").write_text("content")
    plan = Plan.of(load(suite(MIXED)))
    (tmp_path / "plan.jsonl").write_bytes(dump(plan))
    for found in (plan, PlanFile(tmp_path / "plan.jsonl", registry()).plan()):
        mixture = next(iter(found.cells.values())).dataset
        assert list(mixture.parts) == ["a", "blobs"]
        assert (mixture.config.size, mixture.parts["a"].config.classes) == (8, 3)
        assert mixture.parts["blobs"].config.marker == tmp_path / "here"
        assert mixture.identity["of"]["blobs"]["fingerprint"] == "content"
        own = list(found.evaluators.values())[1].data
        assert own is not None
        assert own.parts["digits"].spec.name == "digits"
    again = PlanFile(tmp_path / "plan.jsonl", registry()).plan()
    assert [cell.id for cell in again.cells.values()] == list(plan.cells)
    cell = next(iter(plan.cells.values()))
    assert recorded_cell(cell.id, json.loads(json.dumps(cell.as_json())), registry()).dataset.parts.keys() == {
        "a", "blobs"
    }  # fmt: skip
    (tmp_path / "here").write_text("other content")
    assert cell.id not in Plan.of(load(suite(MIXED))).cells


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mixture", "yaml:3: mixture needs 'of', data sets by name, such as {use: mixture, of: {glyphs: {}"),
        ("{use: mixture, of: [blobs]}", "yaml:3: mixture needs 'of', data sets by name"),
        ("{use: mixture, of: {blob: {}}}", "yaml:3: there is no dataset 'blob'. Did you mean 'blobs'?"),
        ("{use: mixture, of: {a: 3}}", "yaml:3: a dataset is a name or '{use: name, option: value}', not 3"),
        ("{use: mixture, of: {a: {use: blobs, clases: 3}}}", "yaml:3: blobs has no option 'clases'. Did you mean"),
        ("{use: mixture, of: {blobs: {classes: [3, 4]}}}", "yaml:3: it names one data set: list each option's"),
        ("{use: mixture, of: {a: {use: table, path: mine.csv}}}", "yaml:3: table gives vectors, not images"),
        ("{use: blobs, of: {a: {}}}", "yaml:3: blobs has no option 'of'"),
    ],
)
def test_mistakes_in_what_a_data_set_is_made_of(suite: Write, tmp_path: Path, wrong: str, message: str) -> None:
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n2,y\n")
    with pytest.raises(UsageError) as caught:
        load(suite(MATRICES.replace("dataset: [blobs]", f"dataset: [{wrong}]")))
    assert message in str(caught.value)


def test_what_reports_compare_holds_the_parts_and_none_of_their_labels(suite: Write, tmp_path: Path) -> None:
    """As they do for a data set of its own: other parts are other data, another label or place is not."""
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n2,y\n")
    (tmp_path / "here").write_text("content")

    def described(of: str) -> dict[str, Any]:
        text = MATRICES.replace("dataset: [blobs]", f"dataset: [{{use: mixture, of: {of}}}]")
        return next(iter(load(suite(text)).cells)).dataset.as_json()

    one, same, other = map(described, ("{blobs: {}}", "{blobs: {use: blobs, label: x}}", "{blobs: {classes: 3}}"))
    for read in (identity, component):
        assert read(one) == read(same)
        assert read(one) != read(other)
