"""`harness new`: what it writes works as it is, and it refuses what it cannot write."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import metadata
from pathlib import Path

import pytest

from harness.cli.scaffold import NEW, rendered
from harness.plugins.compatibility import CONTRACT
from harness.plugins.registry import KINDS
from tests.conftest import Harness

ROOT = Path(__file__).parent.parent
FEW_SHOT = """\
name: few
matrix:
- {method: [idle], backbone: [flat], dataset: [first-dataset]}
- {method: [idle], backbone: [first-modality], dataset: [first-modality]}
budget: {steps: 1, batch_size: 8}
evaluators:
  fewshot: {ways: 4, shots: 5, episodes: 10}
"""


def wheel(project: Path, to: Path) -> zipfile.ZipFile:
    """The distribution of a project, built as pip would, in this environment."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(to)]
    subprocess.run(build, cwd=project, capture_output=True, check=True)
    [made] = to.glob("*.whl")
    return zipfile.ZipFile(made)


def test_new_plugins_register_and_pass_their_own_tests(harness: Harness, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for kind in NEW:
        said = harness("new", kind, f"first-{kind}", "--directory", "made").stdout
        folder = tmp_path / "made" / f"harness-first-{kind}"
        assert str(folder.relative_to(tmp_path)) in said
        wheel(folder, tmp_path / kind).extractall(site)
    env = {"PYTHONPATH": os.pathsep.join([str(site), os.environ["PYTHONPATH"]])}
    listed = harness("list", env=env)
    assert listed.stderr == ""
    registered = {kind: [f"first-{kind}"] for kind in KINDS if kind in NEW}
    for kind in ("backbone", "dataset"):
        registered[kind].append("first-modality")
    assert re.findall(r"^first-\w+", listed.stdout, re.MULTILINE) == [
        name for names in registered.values() for name in names
    ]
    assert "first-observer" in harness("plugins", env=env).stdout
    (tmp_path / "few.yaml").write_text(FEW_SHOT)
    assert "2 of 2 cells done" in harness("run", "few.yaml", env=env).stdout
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "made"],  # one process: each loads torch
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NEW) + 2} passed" in done.stdout  # a modality has three tests


def test_a_wheel_of_ours_has_all_that_is_written_from(tmp_path: Path) -> None:
    names = wheel(ROOT, tmp_path).namelist()
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "harness" / "cli" / "templates").rglob("*.template")}
    assert len(templates) >= 2 * len(NEW)
    assert templates <= set(names)


def test_the_contract_that_a_new_plugin_states_is_an_extra_of_ours() -> None:
    stated = re.findall(r"rep-harness\[(.*?)\]", rendered("method", "first")["pyproject.toml"])
    assert stated == [f"contract-{CONTRACT}"]
    assert stated[0] in (metadata("rep-harness").get_all("Provides-Extra") or [])


@pytest.mark.parametrize("kind", NEW)
def test_a_new_plugin_is_formatted_and_leaves_nothing_to_fill_in(kind: str, harness: Harness, tmp_path: Path) -> None:
    harness("new", kind, "first")
    folder = tmp_path / "harness-first"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {str(path.relative_to(folder)) for path in files} == set(rendered(kind, "first"))  # type: ignore[arg-type]
    for path in files:
        assert not re.search(r"\$|TODO|FIXME|NotImplemented|^\s*(pass|\.\.\.)$", path.read_text(), re.MULTILINE)
    for command in (["format", "--check"], ["check", "--select", "E,F,W,I,B"]):
        lint = [sys.executable, "-m", "ruff", *command, "--no-cache", "--isolated", "--line-length", "120", str(folder)]
        done = subprocess.run(lint, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["", "../up", "/etc", "a/b", "A", "1a", "a--b", "a-", "a b", "a.b", "class", "x" * 51, "on", "null"]
)
def test_a_name_that_is_none_is_refused(name: str, harness: Harness, tmp_path: Path) -> None:
    said = harness("new", "method", name, code=2).stderr
    assert said.startswith(f"harness: '{name}' is no name for a plugin: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_touched(harness: Harness, tmp_path: Path) -> None:
    mine = tmp_path / "harness-first"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    said = harness("new", "method", "first", code=2).stderr
    assert said == "harness: harness-first: already exists; nothing was written.\n"
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    assert (
        "notes.txt: already exists" in harness("new", "method", "x", "--directory", mine / "notes.txt", code=2).stderr
    )


def test_the_next_command_can_be_pasted(harness: Harness) -> None:
    said = harness("new", "method", "first", "--directory", "my dir").stdout
    pip = "pip" if importlib.util.find_spec("pip") else "uv pip"
    assert f"\nNext: cd 'my dir/harness-first' && {pip} install -e '.[test]' && pytest\n" in said


def test_names_that_are_taken_and_kinds_that_are_none(harness: Harness, tmp_path: Path) -> None:
    assert "there is a method 'idle' already, of plugin 'toy'" in harness("new", "method", "idle", code=2).stderr
    assert "there is a module 'harness_toy' already" in harness("new", "dataset", "toy", code=2).stderr
    assert "Did you mean 'method'?" in harness("new", "metod", "first", code=2).stderr
    assert not list(tmp_path.iterdir())
