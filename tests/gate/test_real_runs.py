"""The gate on a suite that is really run: by the command, by pytest, by the action, and as docs/gate.md has it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.plugins.registry import registry
from harness.suite.suite import load_suite
from tests import warm
from tests.conftest import SUITE, Harness
from tests.gate.runs import cell, evaluation
from tests.gate.test_pytest_plugin import run_pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
PLUGIN = """\
[project]
name = "harness-seen"
version = "0.1.0"

[project.entry-points.harness]
seen = "harness_seen"

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
only-include = ["harness_seen.py"]
"""
GATED = SUITE.replace("name: toy", "name: quickstart") + "gate: {speed: 1000}\n"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and its results."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "benchmarks.yaml").write_text(GATED)
    warm.run(["run", "benchmarks.yaml"], folder).check_returncode()
    return folder


@pytest.fixture
def trained(once: Path, tmp_path: Path) -> Path:
    """A copy of it, where commands are run, with a baseline."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def baseline(trained: Path, quick: Harness) -> Path:
    quick("baseline", "results/quickstart", "--output", "baseline.json")
    return trained / "baseline.json"


def worsened(baseline: Path) -> None:
    """As if all had been perfect before."""
    whole = json.loads(baseline.read_text())
    del whole["check"]
    for group in whole["groups"].values():
        for said in group["evaluations"].values():
            values = said["metrics"]["accuracy"]["values"]
            values.update(dict.fromkeys(values, 2.0))
    baseline.write_text(json.dumps(whole))


def test_a_suite_is_run_and_then_checked(harness: Harness, baseline: Path, trained: Path) -> None:
    cells = trained / "results" / "quickstart" / "cells"
    [lost] = [each for each in cells.iterdir() if is_cell(each, "classify", 1)]
    shutil.rmtree(lost)
    cell(cells.parent, "classify", 0, evaluation("nearest", {"accuracy": 0.0}))  # no part of the suite
    done = harness("check", "benchmarks.yaml", "--baseline", baseline, "--json", "out.json")
    assert lost.exists()
    assert "3 cells were done before, by the same versions" in done.stdout
    rows = json.loads((trained / "out.json").read_text())["rows"]
    assert {(row["method"], row["evaluator"], row["metric"], row["verdict"]) for row in rows} == {
        ("classify", "nearest", "accuracy", "within noise"),
        ("classify", "", "speed", "within noise"),
        ("idle", "nearest", "accuracy", "within noise"),
    }


def is_cell(folder: Path, method: str, seed: int) -> bool:
    found = json.loads((folder / "cell.json").read_text())
    return (found["method"]["name"], found["seed"]) == (method, seed)


def test_in_pytest_every_row_is_a_test_and_what_got_worse_fails_in_one_line(baseline: Path, trained: Path) -> None:
    (trained / "test_own.py").write_text("def test_own(): pass\n")
    arguments = ("--harness-suite", "benchmarks.yaml", "--harness-results", "results/quickstart", "-q", "-rA")
    passed = run_pytest(trained, *arguments, "--harness-baseline", baseline)
    assert passed.returncode == 0, passed.stdout
    assert "benchmarks.yaml::harness check::idle · flat · blobs: nearest" in passed.stdout
    assert "4 passed" in passed.stdout  # with `anything else`, and the test of the team's own
    assert "results/quickstart: 4 cells were done before by the same versions; if code has changed" in passed.stdout
    worsened(baseline)
    failed = run_pytest(trained, *arguments, "--harness-baseline", baseline, "-k", "harness")
    assert failed.returncode == 1, failed.stdout
    assert "regressed: idle · flat · blobs: nearest 200.0 → " in failed.stdout
    assert "2 failed, 1 passed, 1 deselected" in failed.stdout
    assert "Traceback" not in failed.stdout


def test_the_commands_of_the_page_run(quick: Harness, trained: Path) -> None:
    first, second = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    shutil.copytree(trained / "results" / "quickstart", trained / "results" / "quickstart-smoke")
    commands = [line.split()[1:] for line in first.splitlines()]
    assert [command[0] for command in commands] == ["run", "baseline", "check", "check", "check", "compare"]
    for command in commands:
        quick(*command)
    assert all((trained / f"check.{kind}").stat().st_size for kind in ("xml", "md", "json"))
    _, *arguments = second.split()
    done = run_pytest(trained, *arguments, "--harness-results", "results/quickstart")
    assert "3 passed" in done.stdout


def test_the_section_gate_of_the_page_is_read(tmp_path: Path) -> None:
    [section] = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("gate:")]
    (tmp_path / "suite.yaml").write_text(SUITE.replace("nearest: {}", "knn: {use: nearest}") + section)
    gate = load_suite(tmp_path / "suite.yaml", registry()).gate
    assert gate.tolerance("knn", "accuracy", percent=True) == 0.02
    assert gate.costs == {"speed": 1.5, "memory": 1.2}


@pytest.mark.parametrize("worse", [False, True], ids=["fine", "worse"])
def test_the_action_runs_a_check_and_passes_its_exit_code_on(
    worse: bool, baseline: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script of its last step, with an `uv` that has everything installed."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    [step] = [each for each in action["runs"]["steps"] if each.get("id") == "check"]
    uv = trained / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f'#!/bin/bash\necho "$@" > uv.txt\nwhile [ "$1" != harness ]; do shift; done\nexec {sys.executable} -m "$@"\n'
    )
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    if worse:
        worsened(baseline)
    inputs = {"SUITE": "results/quickstart", "BASELINE": "baseline.json", "PLUGINS": "./a ./b", "HARNESS": "/here"}
    assert {*inputs, "ARGUMENTS"} == set(step["env"])
    env = {
        **os.environ,
        **inputs,
        "ARGUMENTS": "--markdown out.md\n--gate  benchmarks.yaml\n",
        "GITHUB_OUTPUT": "output.txt",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=trained, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == int(worse), done.stdout + done.stderr
    assert (trained / "output.txt").read_text() == f"exit-code={int(worse)}\n"
    assert (trained / "uv.txt").read_text().startswith("run --project /here --with ./a --with ./b harness check")
    assert (trained / "uv.txt").read_text().endswith(" --markdown out.md --gate benchmarks.yaml\n")
    assert all((trained / name).exists() for name in ("harness-check.xml", "harness-check.json", "out.md"))


@pytest.mark.usefixtures("baseline")
def test_the_steps_of_the_action_run_as_github_runs_them(trained: Path) -> None:
    """By the real uv, in this environment. Not run: setup-python, which is GitHub's, and `pip install uv` (network)."""
    if not shutil.which("uv"):
        pytest.skip("uv is not on the path")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    plugin = trained / "plugin"
    plugin.mkdir()
    (plugin / "pyproject.toml").write_text(PLUGIN)
    (plugin / "harness_seen.py").write_text("from pathlib import Path\n\nPath('seen.txt').touch()\n")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(trained)]
    subprocess.run(build, cwd=plugin, capture_output=True, check=True)
    [wheel] = trained.glob("*.whl")
    inputs = {
        **{name: each.get("default") for name, each in action["inputs"].items()},
        **{"suite": "benchmarks.yaml", "baseline": "baseline.json", "plugins": f"./{wheel.name}"},
    }
    values = {**{f"inputs.{name}": each for name, each in inputs.items()}, "github.action_path": str(ROOT)}
    github = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "output.txt", "GITHUB_STEP_SUMMARY": "summary.md"}
    installed = {"UV_PROJECT_ENVIRONMENT": sys.prefix, "UV_NO_SYNC": "1", "UV_OFFLINE": "1"}
    ran = []
    for step in action["runs"]["steps"]:
        if "uses" in step or "pip install" in step["run"]:
            continue
        assert step["shell"] == "bash"
        given = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text)
            for name, text in step["env"].items()
        }
        (trained / "step.sh").write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"],  # as GitHub calls bash
            cwd=trained,
            env={**os.environ, **github, **installed, **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ran.append(step.get("id"))
    assert ran == ["check"]
    assert action["outputs"]["exit-code"]["value"] == "${{ steps.check.outputs.exit-code }}"
    assert (trained / "output.txt").read_text() == "exit-code=0\n"
    assert "classify" in (trained / "summary.md").read_text()
    assert "<testcase" in (trained / "harness-check.xml").read_text()
    assert (trained / "seen.txt").exists()  # the plugin was installed and loaded


def test_the_workflow_of_the_page_gives_inputs_that_the_action_has() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    [text] = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("name:")]
    [step] = [each for each in yaml.safe_load(text)["jobs"]["check"]["steps"] if "with" in each]
    assert set(step["with"]) <= set(action["inputs"])
    assert {name for name, each in action["inputs"].items() if each.get("required")} <= set(step["with"])


def test_our_own_suite_has_a_baseline_that_fits_it() -> None:
    """Every cell and evaluator that it asks for, or the gate of .ci/run would not be what it says."""
    from harness.reporting.gate.baseline import load
    from harness.suite.cell import evaluator_id

    asked = load_suite(ROOT / "benchmarks" / "ci.yaml", registry())
    found = load(ROOT / "benchmarks" / "ci-baseline.json")
    expected = {(each.dataset.label, each.backbone.label, each.method.label, each.seed) for each in asked.cells}
    assert {(*key, seed) for key, group in found.groups.items() for seed in group.cells} == expected
    for group in found.groups.values():
        assert {said.id for said in group.evaluations.values()} == {evaluator_id(each) for each in asked.evaluators}


def test_the_tables_of_the_page_are_made_from_what_was_measured() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy; it = runpy.run_path('docs/gate.py'); print(it['updated'](it['PAGE'].read_text()), end='')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == PAGE
    assert PAGE.count("<!-- table: ") == 4


def test_what_was_measured_is_what_the_page_claims() -> None:
    measured = json.loads((ROOT / "perf" / "results" / "gate-runs.json").read_text(encoding="utf-8"))
    assert len(measured["honest"]) >= 10
    assert {run["exit_code"] for run in measured["honest"].values()} == {0}
    assert len(measured["faults"]) == 3
    assert all(run["exit_code"] == 1 and run["alarms"] for run in measured["faults"].values())
