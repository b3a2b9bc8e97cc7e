"""What a package index and who cites us are told, and the scripts that a release runs."""

from __future__ import annotations

import os
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.plugins.compatibility import CONTRACT, CORE

ROOT = Path(__file__).parent.parent
PROJECTS: dict[str, tuple[Path, dict[str, Any]]] = {
    project["name"]: (path.parent, project)
    for path in (ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml")))
    for project in [tomllib.loads(path.read_text(encoding="utf-8"))["project"]]
}
PROMISED = SpecifierSet(PROJECTS[CORE][1]["requires-python"])


@pytest.mark.parametrize("name", PROJECTS)
def test_a_distribution_tells_a_package_index_what_it_is(name: str) -> None:
    folder, project = PROJECTS[name]
    assert project["description"]
    assert (folder / project["readme"]).read_text(encoding="utf-8").startswith("# ")
    assert project["license"] == "MIT"
    assert project["license-files"] == ["LICENSE"]  # the licence asks that each copy has its text
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project["authors"] == PROJECTS[CORE][1]["authors"]
    pythons = {each.rpartition(" ")[2] for each in project["classifiers"] if "Python :: 3." in each}
    assert SpecifierSet(project["requires-python"]) == PROMISED
    assert pythons == {f"3.{minor}" for minor in range(30) if PROMISED.contains(f"3.{minor}")}
    assert "Typing :: Typed" in project["classifiers"]
    assert all((each.parent / "py.typed").exists() for each in folder.glob("harness*/__init__.py"))


@pytest.mark.parametrize("name", PROJECTS)
def test_our_distributions_of_one_checkout_go_together(name: str) -> None:
    _, project = PROJECTS[name]
    texts = [
        *project["dependencies"],
        *(each for extra in project.get("optional-dependencies", {}).values() for each in extra),
    ]
    ours = [each for each in map(Requirement, texts) if each.name in PROJECTS]
    for each in ours:
        assert each.specifier.contains(PROJECTS[each.name][1]["version"]), each
    if name != CORE:
        [core] = [each for each in ours if each.name == CORE]
        assert core.extras == {f"contract-{CONTRACT}"}  # an older or newer core says why the plugin is not loaded
        assert {part.operator for part in core.specifier} == {">="}


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    _, project = PROJECTS[CORE]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert citation["keywords"] == project["keywords"]
    assert project["authors"][0]["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_changes_begin_with_this_version() -> None:
    first = re.search(
        r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert first
    assert first[1] == PROJECTS[CORE][1]["version"]


def test_the_workflows_run_scripts_that_exist() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
        runs = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        scripts = [script for run in runs for script in re.findall(r"\.ci/\w+", run)]
        assert scripts, workflow
        assert all(os.access(ROOT / script, os.X_OK) for script in scripts), workflow


def test_a_rebuilt_wheel_has_the_requirements_that_we_state_and_says_so_in_its_version(tmp_path: Path) -> None:
    unpacked = tmp_path / "toy-1.0"
    (unpacked / "toy-1.0.dist-info").mkdir(parents=True)
    (unpacked / "toy-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: toy\nVersion: 1.0\nRequires-Dist: qpth\nProvides-Extra: x\n"
        "\nVersion: of the text\n"
    )
    runpy.run_path(str(ROOT / ".ci" / "learn2learn"))["restate"](unpacked, "1.0", ["numpy", "gym>=0.26"])
    [info] = unpacked.iterdir()
    assert info.name == "toy-1.0+harness.1.dist-info"
    head, _, description = (info / "METADATA").read_text().partition("\n\n")
    assert head.splitlines() == [
        "Metadata-Version: 2.4",
        "Name: toy",
        "Version: 1.0+harness.1",
        "Requires-Dist: numpy",
        "Requires-Dist: gym>=0.26",
    ]
    assert description == "Version: of the text\n"
