"""Files that backbones start from, in ids, plans and suites."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness import UsageError
from harness.learning.data.splits import Data
from harness.plugins.published import START, Published, facts
from harness.plugins.registry import registry
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile, dump
from harness.suite.suite import load_suite
from tests.weights.started import (
    KEY,
    QUERY,
    built,
    cell_of,
    same_features,
    small,
    suite_of,
)


def test_a_suite_with_weights_is_read_without_torch(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    path = suite_of(tmp_path, "made.pth")
    code = "import sys; from harness import load_suite; load_suite(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, path], check=True)


def test_published_results_are_not_of_cells_that_start_from_a_file(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    started, plain = (cell_of(tmp_path, each).as_json() for each in ("made.pth", "null"))
    digest = started["backbone"]["weights"]["digest"]
    usual, stated = (Published({"backbone": "conv4", **more}, 0.9, "a paper") for more in ({}, {START: digest}))
    assert [each.matches(facts(plain, {}), "accuracy") for each in (usual, stated)] == [True, False]
    assert [each.matches(facts(started, {}), "accuracy") for each in (usual, stated)] == [False, True]


def test_the_id_knows_the_content_and_what_is_taken_and_not_the_path(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "one.pth")
    (tmp_path / "two.pth").write_bytes((tmp_path / "one.pth").read_bytes())
    torch.save(KEY.state_dict(), tmp_path / "other.pth")
    plain = suite_of(tmp_path, "null")
    plain.write_text(plain.read_text().replace(", weights: null", ""))
    (without,) = load_suite(plain).cells
    assert "weights" not in without.backbone.identity
    assert without.id == cell_of(tmp_path, "null").id
    one = cell_of(tmp_path, "one.pth").id
    assert one == cell_of(tmp_path, "two.pth").id == cell_of(tmp_path, "{file: two.pth, strict: true}").id
    weights = cell_of(tmp_path, "{file: one.pth, prefix: layers., strict: false}").backbone.weights
    assert weights
    assert cell_of(tmp_path, json.dumps(weights.as_option())).backbone.weights == weights  # a row of a report again
    others = ("other.pth", "{file: one.pth, key: ''}", "{file: one.pth, prefix: ''}", "{file: one.pth, strict: false}")
    assert len({without.id, one, *(cell_of(tmp_path, each).id for each in others)}) == 6


def test_a_plan_carries_the_file_and_a_job_refuses_another(tmp_path: Path, data: Data) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    plan = Plan.of(load_suite(suite_of(tmp_path, "{file: made.pth, prefix: ''}")))
    (tmp_path / "plan.jsonl").write_bytes(dump(plan))
    ((id_, cell),) = PlanFile(tmp_path / "plan.jsonl", registry()).plan().cells.items()
    assert cell.id == id_
    assert cell.backbone.weights == plan.cells[id_].backbone.weights
    same_features(built(cell, data), small(1))
    torch.save(KEY.state_dict(), tmp_path / "made.pth")
    with pytest.raises(UsageError, match=r"suite.yaml:4: .*made.pth has changed since the suite was read"):
        built(cell, data)
    (tmp_path / "made.pth").unlink()
    with pytest.raises(UsageError, match=r"suite.yaml:4: .*made.pth: No such file"):
        built(cell, data)


def test_weights_of_all_entries_one_and_several(tmp_path: Path) -> None:
    """In the section of options, for an entry that says none, and as a sweep."""
    (tmp_path / "runs").mkdir()
    for number, name in enumerate("ab"):
        torch.save(small(number).state_dict(), tmp_path / "runs" / f"{name}.pth")
    path = tmp_path / "suite.yaml"
    path.write_text(
        "matrix:\n  method: [idle]\n  dataset: [blobs]\n  backbone:\n  - conv4\n"
        "  - {use: conv4, label: plain, weights: null}\n"
        "  - {use: conv4, weights: [runs/b.pth, {file: runs/a.pth, prefix: ''}]}\n"
        "  - {use: conv4, width: [2, 3], label: wide, weights: [runs/a.pth, runs/b.pth]}\n"
        "budget: {steps: 2}\nevaluators: {nearest: {}}\nbackbones:\n  conv4:\n    weights: runs/a.pth\n"
    )
    cells = load_suite(path).cells
    assert [(each.backbone.label, each.backbone.weights and each.backbone.weights.file.name) for each in cells] == [
        ("conv4", "a.pth"),
        ("plain", None),
        ("conv4 (weights=runs/b.pth)", "b.pth"),
        ("conv4 (weights=runs/a.pth)", "a.pth"),
        ("wide (width=2, weights=runs/a.pth)", "a.pth"),
        ("wide (width=3, weights=runs/a.pth)", "a.pth"),
        ("wide (width=2, weights=runs/b.pth)", "b.pth"),
        ("wide (width=3, weights=runs/b.pth)", "b.pth"),
    ]
    path.write_text(path.read_text().replace("    weights: runs/a.pth", "    weights: runs/c.pth"))
    with pytest.raises(UsageError, match=r"suite.yaml:13: weights: there is no file .*runs/c.pth. Did you mean"):
        load_suite(path)
