"""`harness new`: what it writes works as it is, and it refuses what it cannot write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.scaffold import NEW, rendered
from tests.conftest import Harness


def put_in_place(folder: Path) -> dict[str, str]:
    """The environment of a process that sees the distribution in `folder` as pip would install it.

    Without pip, whose build would fetch hatchling.
    """
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n{needs}")
    entries = "".join(f"{name} = {module}\n" for name, module in project["entry-points"]["harness"].items())
    (info / "entry_points.txt").write_text(f"[harness]\n{entries}")
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])}


@pytest.mark.parametrize("kind", NEW)
def test_a_new_plugin_registers_and_passes_its_own_tests(kind: str, harness: Harness, tmp_path: Path) -> None:
    said = harness("new", kind, "first-try", "--directory", "made").stdout
    folder = tmp_path / "made" / "harness-first-try"
    assert str(folder.relative_to(tmp_path)) in said
    env = put_in_place(folder)
    listed = harness("list", env=env)
    assert listed.stderr == ""
    assert ("\nfirst-try " in listed.stdout) == (kind != "observer")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


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


@pytest.mark.parametrize("name", ["", "../up", "/etc", "a/b", "A", "1a", "a--b", "a-", "a b", "a.b", "class", "x" * 51])
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
    assert said == "harness: harness-first: is there already; nothing was written.\n"
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    assert (
        "notes.txt: is there already" in harness("new", "method", "x", "--directory", mine / "notes.txt", code=2).stderr
    )


def test_names_that_are_taken_and_kinds_that_are_none(harness: Harness, tmp_path: Path) -> None:
    assert "there is a method 'idle' already, of plugin 'toy'" in harness("new", "method", "idle", code=2).stderr
    assert "there is a module 'harness_toy' already" in harness("new", "dataset", "toy", code=2).stderr
    assert "Did you mean 'method'?" in harness("new", "metod", "first", code=2).stderr
    assert not list(tmp_path.iterdir())
