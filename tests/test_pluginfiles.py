"""`--plugin FILE`: a plugin that is not installed, in the command and in its jobs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SUITE, Harness, install

MINE = """\
from harness import Method, hookimpl

class Mine(Method): pass

@hookimpl
def register_methods(register):
    register("idle", "mine:Mine", summary="of a file")
"""
PLAIN = """\
from harness import hookimpl

@hookimpl
def register_methods(register):
    register("NAME", "mine:Mine")
"""
LAZY = """
def __dir__(): return ["Heavy", "hookimpl", "register_methods"]

def __getattr__(name): raise ImportError(name)
"""
PROXY = """
class Proxy:
    def __getattr__(self, name): raise RuntimeError("outside of a context")
    __class__ = property(__getattr__)

current = Proxy()
"""
OBJECT = """\
from harness import hookimpl

class Mine:
    server = property(lambda self: 1 / 0)

    @hookimpl
    def register_methods(self, register):
        register("of_object", "mine:Mine")

mine = Mine()
"""
BOTH = SUITE.replace("classify, idle", "{use: mine.py:idle, label: mine}, harness-toy:idle").replace("[0, 1]", "[0]")


def test_a_plugin_file_runs_beside_an_installed_one_of_its_name_and_its_content_decides(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    path = suite(BOTH)
    assert "2 of 2 cells done" in harness("run", path, "--plugin", file).stdout
    file.write_text(MINE.replace("of a file", "of a life"))  # as long, within the same second
    mine, toy = json.loads(harness("plan", path, "--plugin", file, "--json").stdout)["cells"]
    assert (mine["status"], toy["status"]) == ("todo", "done")
    assert mine["method"]["distribution"] == "mine.py"
    cells = {folder.name: folder / "cell.json" for folder in (tmp_path / "results" / "toy" / "cells").iterdir()}
    assert len(cells) == 2
    assert mine["id"] not in cells
    [before] = [json.loads(cell.read_text())["method"] for id_, cell in cells.items() if id_ != toy["id"]]
    assert before["distribution"] == "mine.py"
    assert re.fullmatch("file [0-9a-f]{16}", before["version"])
    assert before["version"] != mine["method"]["version"]
    assert "there is no method 'mine.py:idle'. Did you mean 'idle'?" in harness("plan", path, code=2).stderr
    said = harness("plan", suite(SUITE), "--plugin", file, code=2).stderr
    assert (
        "Instead of 'idle', write 'harness-toy:idle' for that of the installed harness-toy 1.0 or 'mine.py:idle'"
        in said
    )
    assert said.rstrip().endswith("'mine.py:idle' for that of the file mine.py.")


def test_a_plugin_file_that_is_none_is_one_line(harness: Harness, tmp_path: Path) -> None:
    assert "no.py: there is no such file." in harness("list", "--plugin", "no.py", code=2).stderr
    (tmp_path / "mine.py").write_text("x = 1\n1 / 0\n")
    said = harness("list", "--plugin", "mine.py", code=2).stderr
    assert said == f"harness: {tmp_path}/mine.py:2: cannot be imported: ZeroDivisionError: division by zero\n"
    (tmp_path / "my-plugin.py").touch()
    assert (
        "rename it: its name must be that of a new Python module"
        in harness("list", "--plugin", "my-plugin.py", code=2).stderr
    )
    (tmp_path / "__main__.py").touch()
    command = [sys.executable, "-c", "from harness.cli import main; main()", "list", "--plugin", "__main__.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # as the script `harness`
    assert done.returncode == 2
    assert done.stderr.startswith("harness: --plugin __main__.py: rename it")


@pytest.mark.parametrize("value", ["foo.py", "[1]", "{}", "[" * 100_000])
def test_a_variable_that_names_no_plugin_files_is_one_line(value: str, harness: Harness) -> None:
    said = harness("list", env={"HARNESS_PLUGIN_FILES": value}, code=2).stderr
    assert said.startswith("harness: HARNESS_PLUGIN_FILES must be a JSON list of paths, as --plugin makes it, not ")
    assert said.count("\n") == 1


def test_an_empty_variable_names_no_plugin_files(harness: Harness) -> None:
    assert "idle" in harness("list", "methods", env={"HARNESS_PLUGIN_FILES": ""}).stdout


def test_a_plugin_is_not_asked_for_names_that_are_no_hooks(harness: Harness, tmp_path: Path) -> None:
    for name, source in (("lazy", LAZY), ("proxy", PROXY)):
        (tmp_path / f"{name}.py").write_text(PLAIN.replace("NAME", f"of_{name}") + source)
    install(tmp_path, "object", OBJECT, entry="whole = plugin_object:mine\n[other]\nmodule")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    files = ("--plugin", "lazy.py", "--plugin", "proxy.py")
    listed = harness("list", "methods", *files, env={"PYTHONPATH": path})
    assert re.findall(r"^of_\w+", listed.stdout, re.MULTILINE) == ["of_lazy", "of_object", "of_proxy"]
    assert listed.stderr == ""


def test_a_hook_that_cannot_be_looked_up_is_a_problem_of_its_plugin(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN.replace("NAME", "mine"))
    install(
        tmp_path,
        "object",
        OBJECT.replace("server", "cell_started"),
        entry="whole = plugin_object:mine\n[other]\nmodule",
    )
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    listed = harness("list", "methods", "--plugin", "mine.py", env={"PYTHONPATH": path})
    assert re.search(r"^mine\b.* mine.py$", listed.stdout, re.MULTILINE)
    assert "'whole' (plugin-object 2.0): cannot be used: ZeroDivisionError: division by zero" in listed.stderr


def test_a_plugin_file_that_raises_what_is_no_exception_is_one_line(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Panic(BaseException): pass\nraise Panic('no way')\n")
    said = harness("list", "--plugin", "mine.py", code=2).stderr
    assert said == f"harness: {tmp_path}/mine.py:2: cannot be imported: Panic: no way\n"


def test_a_plugin_that_is_given_twice_is_used_once(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN.replace("NAME", "mine"))
    install(tmp_path, "double", PLAIN.replace("NAME", "double"), entry="one = plugin_double\ntwo")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    files = ("--plugin", "mine.py", "--plugin", tmp_path / "mine.py")
    listed = harness("list", "methods", *files, env={"PYTHONPATH": path})
    assert re.findall(r"^(?:mine|double)\b", listed.stdout, re.MULTILINE) == ["double", "mine"]
    assert listed.stderr == (
        "warning: plugin 'two' (plugin-double 2.0): is not used, as its module is that of plugin 'one' "
        "(plugin-double 2.0)\n"
    )


def test_two_plugin_files_that_would_be_one_module_are_refused(harness: Harness, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(PLAIN)
    said = harness("list", "--plugin", "a/mine.py", "--plugin", "b/mine.py", code=2).stderr
    assert (
        said == "harness: --plugin b/mine.py: has the same name as a/mine.py, "
        "so both would be the module 'mine': rename one.\n"
    )
    named = json.dumps([f"{tmp_path}/{folder}/mine.py" for folder in ("a", "b")])
    listed = harness("list", "methods", env={"HARNESS_PLUGIN_FILES": named})
    assert re.search(r"^NAME\b.* mine.py$", listed.stdout, re.MULTILINE)
    assert "is not used, as its name is that of plugin 'mine' (mine.py file " in listed.stderr


def test_a_link_to_a_plugin_file_is_the_module_that_it_is_called(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "json.py").write_text(PLAIN)
    (tmp_path / "mine.py").symlink_to(tmp_path / "kept" / "json.py")
    listed = harness("list", "methods", "--plugin", "mine.py")
    assert re.search(r"^NAME\b.* mine.py$", listed.stdout, re.MULTILINE)
    assert listed.stderr == ""


def test_a_plugin_that_implements_nothing_is_named(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    found = json.loads(harness("plugins", "--plugin", "mine.py", "--json").stdout)["plugins"]
    [mine] = [each for each in found if each["distribution"] == "mine.py"]
    assert (mine["status"], mine["problems"]) == ("loaded", ["implements no hook"])
    (tmp_path / "mine.py").write_text(PLAIN.replace("@hookimpl\n", "def cell_started(event): ...\n"))
    said = harness("list", "--plugin", "mine.py").stderr
    assert re.findall(r"\): (.*)", said) == [
        "register_methods is not marked with harness.hookimpl",
        "cell_started is not marked with harness.hookimpl",
    ]


def beside(folder: Path) -> Path:
    """A plugin's file whose component is in a file beside it, which imports a third; a fourth is named as a module."""
    folder.mkdir()
    (folder / "mine.py").write_text("import statistics\n" + PLAIN.replace("NAME", "idle").replace("mine:", "mine_net:"))
    (folder / "mine_net.py").write_text("def late(): from mine_parts import Part\nfrom mine_parts import Mine\n")
    (folder / "mine_parts.py").write_text("from harness import Method\nclass Mine(Method): pass\n")
    (folder / "statistics.py").write_text("raise RuntimeError('in the place of the standard library')\n")
    (folder / "unused.py").write_text("")
    return folder / "mine.py"


def test_files_beside_a_plugin_file_run_in_jobs_and_belong_to_its_version(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    file, path = beside(tmp_path / "lab"), suite(BOTH.replace(", harness-toy:idle", ""))

    def planned() -> tuple[str, str]:
        [cell] = json.loads(harness("plan", path, "--plugin", file, "--json").stdout)["cells"]
        return cell["status"], cell["method"]["version"]

    assert "1 of 1 cell done" in harness("run", path, "--plugin", file).stdout
    status, before = planned()
    assert status == "done"
    for same in ("unused.py", "statistics.py"):
        (tmp_path / "lab" / same).write_text("1 / 0\n")
    assert planned() == ("done", before)
    versions = {before}
    for changed in ("mine_parts.py", "mine_net.py", "mine.py"):
        with (tmp_path / "lab" / changed).open("a") as text:
            text.write("\n")
        status, version = planned()
        assert status == "todo"
        versions.add(version)
    assert len(versions) == 4


FRAGILE = """\
from harness import Method, Views, hookimpl

class Fragile(Method):
    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches, self.step = Views(2), 0

    def loss(self, views):
        return self.backbone(views[0]).square().mean()

    def after_step(self, step, steps):
        if step == 2:
            raise ValueError("three are enough")

@hookimpl
def register_methods(register):
    register("fragile", "mine:Fragile")
"""
GATED = """\
name: gated
matrix: {method: [fragile], backbone: [conv4], dataset: [digits], seed: [0]}
budget: {steps: 4, batch_size: 16}
evaluators: {knn: {}}
"""


def test_a_plugin_file_is_mended_and_gated(harness: Harness, tmp_path: Path) -> None:
    """The log says in which step it failed. What the run advises removes the cell of the file as it was."""
    (tmp_path / "gated.yaml").write_text(GATED)
    (tmp_path / "mine.py").write_text(FRAGILE)
    harness("run", "gated.yaml", "--plugin", "mine.py", code=1)
    [log] = (tmp_path / "results" / "gated").glob("cells/*/attempts/001.log")
    assert "This happened in training step 3 of 4." in log.read_text()
    logged = [json.loads(line)["step"] for line in (log.parent.parent / "steps.jsonl").read_text().splitlines()]
    assert logged == [1, 2]
    (tmp_path / "mine.py").write_text(FRAGILE.replace("step == 2", "step == 20"))
    said = " ".join(harness("run", "gated.yaml", "--plugin", "mine.py").stdout.split())
    advice = re.search(r"harness (forget results/gated --not-in gated.yaml --plugin mine.py) ", said)
    assert advice
    assert "1 of 2 cells removed" in harness(*advice[1].split(), "--yes").stdout
    told = harness("baseline", "results/gated", "--output", "base.json").stdout
    assert "With 1 seed the gate misses most small drops. Use 5 or more." in told
    harness("check", "gated.yaml", "--plugin", "mine.py", "--baseline", "base.json")
    assert "is a file. Give a results folder" in harness("baseline", "gated.yaml", "--output", "x", code=2).stderr


def test_the_version_of_a_plugin_file_alone_is_the_digest_of_its_content(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN)
    found = json.loads(harness("plugins", "--plugin", "mine.py", "--json").stdout)["plugins"]
    [mine] = [each for each in found if each["distribution"] == "mine.py"]
    assert mine["version"] == f"file {hashlib.sha256(PLAIN.encode()).hexdigest()[:16]}"


def test_what_a_plugin_file_cannot_import_from_its_folder_is_said(harness: Harness, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    file = beside(lab)
    (lab / "mine_parts.py").write_text("\n1 / 0\n")
    (lab / "mine.py").write_text("import mine_net\n")
    said = harness("list", "--plugin", file, code=2).stderr
    assert said == f"harness: {lab}/mine_parts.py:2: cannot be imported: ZeroDivisionError: division by zero\n"
    (lab / "mine_parts.py").write_text("\n\ndef Mine(:\n")
    assert said.replace("2:", "3:").partition(":3:")[0] + ":3: cannot be imported: SyntaxError" in (
        harness("list", "--plugin", file, code=2).stderr
    )
    (lab / "parts").mkdir()
    (lab / "mine.py").write_text("import parts.nets\n")
    said = harness("list", "--plugin", file, code=2).stderr
    assert said.startswith(f"harness: {file}:1: cannot be imported: ModuleNotFoundError: No module named 'parts' (")
    assert "write one file, or make a package: `harness new`" in said
    (lab / "mine.py").write_text("import importlib\nimportlib.import_module('un' + 'used')\n")
    assert f"({lab}/unused.py is no file.py that the plugin's text imports" in (
        harness("list", "--plugin", file, code=2).stderr
    )


def test_files_beside_two_plugin_files_that_would_be_one_module_are_refused(harness: Harness, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"lab-{name}").mkdir()
        (tmp_path / f"lab-{name}" / f"{name}.py").write_text("import helper\n")
        (tmp_path / f"lab-{name}" / "helper.py").write_text("")
    files = ("--plugin", "lab-one/one.py", "--plugin", "lab-two/two.py")
    said = harness("list", *files, code=2).stderr
    named = f"{tmp_path}/lab-two/helper.py has the same name as {tmp_path}/lab-one/helper.py"
    assert f"{named}, so both would be the module 'helper'" in said


def test_a_plugin_file_that_another_imports_is_one_module(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "one.py").write_text("import two\n" + PLAIN.replace("NAME", "one"))
    (tmp_path / "lab" / "two.py").write_text("print('once')\n" + PLAIN.replace("NAME", "two"))
    listed = harness("list", "methods", "--plugin", "lab/one.py", "--plugin", "lab/two.py").stdout
    assert re.findall(r"^(?:one|two|once)\b", listed, re.MULTILINE) == ["once", "one", "two"]
