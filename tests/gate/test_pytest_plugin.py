"""`pytest --harness-suite FILE --harness-baseline FILE`, as a team that gates through pytest uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SUITE, Harness
from tests.gate.runs import cell, evaluation

ONE_SEED = SUITE.replace("[0, 1]", "[0]").replace("classify, idle", "idle")


def run_pytest(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "harness.pytest_plugin",
        "--rootdir",
        folder,
    ]
    environment = {**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        list(map(str, [*command, *arguments])), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_failure_that_no_row_expects_fails_too(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    cell(tmp_path / "before", "idle", 0, evaluation("nearest", {"accuracy": 0.5}))
    harness("baseline", tmp_path / "before", "--output", "b.json")
    path = suite("name: toy\nmatrix: {method: [idle], backbone: [none]}\n")
    done = run_pytest(tmp_path, "--harness-suite", path, "--harness-baseline", "b.json")
    assert done.returncode == 1
    assert "there is no backbone 'none'" in done.stdout
    assert "2 failed" in done.stdout


def test_each_row_is_a_test_of_one_run_that_goes_on_with_what_is_done(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    path = suite(ONE_SEED)
    harness("run", path, "--results", "kept", "--device", "cpu")
    harness("baseline", "kept", "--output", "b.json")
    kept = ("--harness-suite", path, "--harness-baseline", "b.json", "--harness-results", "kept")
    done = run_pytest(tmp_path, "-v", *kept)
    assert done.returncode == 0, done.stdout
    assert "2 passed, 1 warning" in done.stdout
    assert "idle · flat · blobs: nearest PASSED" in done.stdout
    assert "kept: 1 cell was done before by the same versions" in done.stdout
    [cells] = [*(tmp_path / "kept").glob("cells/*")]
    assert len([*cells.glob("attempts/*.json")]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--harness-suite", "benchmarks.yaml"), "must be given together"),
        (("--harness-suite", "none.yaml", "--harness-baseline", "b.json"), "none.yaml: there is no such file"),
        (("--harness-suite", "benchmarks.yaml", "--harness-baseline", "b.json"), "b.json: is damaged"),
    ],
)
def test_mistakes_are_said_before_anything_runs(
    arguments: tuple[str, ...], said: str, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    suite(ONE_SEED)
    (tmp_path / "b.json").write_text("{")
    done = run_pytest(tmp_path, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_options_the_plugin_imports_nothing_and_says_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import harness.pytest_plugin; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {each.partition(".")[0] for each in done.stdout.split()} <= {
        "harness",
        "tempfile",
        "random",
        "bisect",
        "_bisect",
        "_random",
        "hashlib",
        "_hashlib",
        "_sha512",
        "_blake2",
        "_sha3",
    }
    assert not [each for each in done.stdout.split() if each.startswith("harness.") and each != "harness.pytest_plugin"]
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    done = run_pytest(tmp_path, "-q")
    assert "1 passed" in done.stdout
    assert "harness" not in done.stdout


def test_a_project_with_a_module_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """Pytest loads every installed plugin that has an entry point, whatever a project is about."""
    (tmp_path / "harness.py").write_text("WHOSE = 'its own'\n")
    (tmp_path / "test_own.py").write_text("import harness\n\n\ndef test_own(): assert harness.WHOSE == 'its own'\n")
    environment = {key: each for key, each in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTHONPATH")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
