"""An optimizer from a plugin: it trains, is in the ids with its options, and is refused where it cannot be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness import UsageError, load_suite
from harness.learning.optimizers import make_optimizer
from harness.plugins.registry import registry
from harness.reporting.gate.snapshot import snapshot
from harness.reporting.leaderboard.tables import build
from harness.reporting.page import again
from harness.running.engine import modules
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile, dump
from tests.conftest import Harness, install

PLUGIN = """\
from dataclasses import dataclass
from harness import UsageError, hookimpl, option
from harness_toy import CentroidConfig

@dataclass(frozen=True)
class Config:
    scale: float = option(1.0, "of each step")

@hookimpl
def register_optimizers(register):
    register("scaled", "plugin_scaling:scaled", Config, summary="SGD whose steps are scaled")
    register("sgd", "plugin_scaling:scaled", Config)

@hookimpl
def register_methods(register):
    recipe = {"optimizer": {"use": "scaled", "scale": 2}}
    register("paced", "harness_toy.parts:Classify", CentroidConfig, budget=recipe)

def scaled(config, groups, budget):
    import torch

    class Scaled(torch.optim.SGD):
        def step(self):
            for group in self.param_groups:
                group["lr"] *= config.scale
            super().step()

    if budget.weight_decay:
        raise UsageError("it has no weight decay: leave 'weight_decay' out of the budget.")
    return Scaled(groups, lr=budget.lr, momentum=budget.momentum)
"""
SUITE = """\
name: toy
matrix:
  method:
  - {use: classify, label: ours}
  - {use: classify, label: plain, budget: {optimizer: scaled}}
  - {use: classify, label: twice, budget: {optimizer: {use: scaled, scale: 2}}}
  - {use: classify, label: theirs, budget: {optimizer: "plugin-scaling:sgd"}}
  - {use: paced, label: by its recipe}
  backbone: [flat]
  dataset: [blobs]
  seed: [0]
budget: {steps: 10, batch_size: 16, lr: 0.1}
evaluators:
  nearest: {}
"""
PLAIN = """\
name: toy
matrix: {method: [classify], backbone: [flat], dataset: [blobs], seed: [0]}
budget: {steps: 10, batch_size: 16, lr: 0.1, optimizer: sgd}
evaluators:
  nearest: {}
"""
GOLDEN = {
    "sgd": "91a957c61e4eb019",
    "adam": "3cb64d5fc5938662",
    "adamw": "ac1654c05fc00e68",
    "lars": "2c7233cf3fe43416",
}  # as they were when the loop knew its optimizers by name


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    install(tmp_path, "scaling", PLUGIN)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])}


def planned(said: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    cells = json.loads(said.stdout)["cells"]
    return {cell["method"]["label"]: (cell["id"], cell["status"]) for cell in cells}


def test_a_plugins_optimizer_trains_and_its_options_and_version_are_in_the_ids(
    harness: Harness, suite: Callable[[str], Path], env: dict[str, str], tmp_path: Path
) -> None:
    path = suite(SUITE)
    assert "5 of 5 cells done" in harness("run", path, env=env).stdout
    before = planned(harness("plan", path, "--json", env=env))
    assert len({id_ for id_, _ in before.values()}) == 5
    results = tmp_path / "results" / "toy"

    def read(label: str, file: str) -> Any:
        return json.loads((results / "cells" / before[label][0] / file).read_text())

    losses = {label: read(label, "training.json")["metrics"]["loss"] for label in before}
    assert losses["plain"] == losses["theirs"]  # the same function with the same options
    assert losses["plain"] == pytest.approx(losses["ours"], rel=1e-4)  # torch's own, not fused
    assert losses["twice"] != pytest.approx(losses["ours"], rel=1e-2)
    assert read("ours", "cell.json")["budget"]["optimizer"] == "sgd"
    assert read("twice", "cell.json")["budget"]["optimizer"] == {
        "name": "scaled",
        "distribution": "plugin-scaling",
        "version": "2.0",
        "options": {"scale": 2.0},
        "decides": ["scale"],
    }
    assert read("by its recipe", "cell.json")["budget"] == read("twice", "cell.json")["budget"]
    assert losses["by its recipe"] == losses["twice"]
    assert read("ours", "training.json")["provenance"]["optimizer"].startswith("rep-harness-optimizers ")
    assert read("twice", "training.json")["provenance"]["optimizer"] == "plugin-scaling 2.0"
    shown = (results / "leaderboard.md").read_text()
    assert "optimizer=scaled (scale=2.0)" in shown
    assert "plugin-scaling 2.0" in shown
    assert "optimizer=sgd," in shown

    records = list(Store(results).records())
    assert snapshot(records, "toy").versions["plugin-scaling"] == "2.0"
    [twice] = [(table, row) for table in build(records) for row in table.rows if row.label == "twice"]
    (tmp_path / "again.yaml").write_text(again.suite(*twice))
    repeated = harness("plan", "again.yaml", "--json", env=env)
    assert [id_ for id_, _ in planned(repeated).values()] == [before["twice"][0]]

    info = next(tmp_path.glob("plugin_scaling*.dist-info")) / "METADATA"
    info.write_text(info.read_text().replace("2.0", "3.0"))
    after = planned(harness("plan", path, "--json", env=env))
    assert {label for label in before if after[label] == before[label]} == {"ours"}
    assert {status for _, status in after.values()} == {"done", "todo"}
    [plan] = results.glob("plans/*.jsonl")
    job = ("cell", plan, before["twice"][0], "--attempt", tmp_path / "1.json")
    refused = harness(*job, code=2, env=env).stderr
    assert "was made with optimizer 'scaled' of plugin-scaling 2.0, which is now 3.0; run again." in refused


def test_one_that_refuses_the_budget_does_so_before_anything_trains(
    harness: Harness, suite: Callable[[str], Path], env: dict[str, str], tmp_path: Path
) -> None:
    path = suite(SUITE.replace("lr: 0.1", "lr: 0.1, weight_decay: 0.1"))
    refused = harness("run", path, env=env, code=2).stderr
    assert "benchmarks.yaml:5: plain on blobs with flat: it has no weight decay: leave 'weight_decay' out" in refused
    assert not list(tmp_path.glob("results/toy/cells/*/training.json"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("adm", "there is no optimizer 'adm'. Did you mean 'adam'?"),
        ("{use: adm}", "there is no optimizer 'adm'. Did you mean 'adam'?"),
        ("{use: adam, betas: 3}", "adam has no options, so 'betas' cannot be set."),
        ("3", "an optimizer is a name or '{use: name, option: value}', not 3."),
        ("{k: 3}", "an optimizer is a name or '{use: name, option: value}', not {'k': 3}."),
        ("", "an optimizer is a name or '{use: name, option: value}', not None."),
    ],
)
def test_what_is_no_optimizer_is_refused_with_its_line(suite: Callable[[str], Path], written: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_suite(suite(PLAIN.replace("sgd", written)))
    assert f"benchmarks.yaml:3: {said}" in str(caught.value)


def test_an_unknown_one_ends_the_command_with_2(
    harness: Harness, suite: Callable[[str], Path], env: dict[str, str]
) -> None:
    refused = harness("plan", suite(SUITE.replace("optimizer: scaled", "optimizer: scaledd")), env=env, code=2)
    assert "benchmarks.yaml:5: there is no optimizer 'scaledd'. Did you mean 'scaled'?" in refused.stderr
    wrong = harness("plan", suite(SUITE.replace("scale: 2", "scal: 2")), env=env, code=2)
    assert "benchmarks.yaml:6: scaled has no option 'scal'. Did you mean 'scale'?" in wrong.stderr


@pytest.mark.parametrize("name", GOLDEN)
def test_a_bundled_one_is_in_the_id_by_its_name_alone(name: str, suite: Callable[[str], Path]) -> None:
    for written in (name, f"{{use: {name}}}", f"rep-harness-optimizers:{name}"):
        loaded = load_suite(suite(PLAIN.replace("sgd", written)))
        assert replace(loaded.cells[0], harness="0.1.0").id == GOLDEN[name]
        assert any(each.startswith("harness_optimizers.") for each in modules(Plan.of(loaded)))  # is preloaded


def test_a_plan_that_knows_no_component_for_its_optimizer_is_read(suite: Callable[[str], Path], tmp_path: Path) -> None:
    """As one that was written before optimizers were components."""
    plan, path = Plan.of(load_suite(suite(PLAIN.replace("sgd", "adam")))), tmp_path / "plan.jsonl"
    path.write_bytes(dump(plan))
    [cell] = PlanFile(path, registry()).plan().cells.values()
    assert cell.optimizer is not None
    assert cell.optimizer.spec.name == cell.budget.optimizer == "adam"
    path.write_text(re.sub(r'"optimizer": "[0-9a-f]{16}", ', "", path.read_text()))
    [older] = PlanFile(path, registry()).plan().cells.values()
    assert older.optimizer is None
    assert older.id == cell.id
    assert type(make_optimizer(torch.nn.Linear(2, 2), older.budget, older.optimizer)) is torch.optim.Adam


def test_the_core_does_not_import_timm() -> None:
    code = "import sys, harness.learning.training, harness.running.run_cell; print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
