"""`--plugin FILE`: a plugin that is not installed, in the command and in its jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SUITE, Harness

MINE = """\
from harness import Method, hookimpl

class Mine(Method): pass

@hookimpl
def register_methods(register):
    register("mine", "mine:Mine", summary="of a file")
"""
ONE = SUITE.replace("classify, idle", "mine").replace("[0, 1]", "[0]")


def test_a_plugin_file_runs_and_its_content_decides(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    path = suite(ONE)
    assert "1 of 1 cells done" in harness("run", path, "--plugin", file).stdout
    [cell] = json.loads(harness("plan", path, "--plugin", file, "--json").stdout)["cells"]
    assert cell["status"] == "done"
    assert cell["method"]["distribution"] == "mine.py"
    assert cell["method"]["version"].startswith("file ")
    file.write_text(MINE.replace("of a file", "of a life"))  # as long, within the same second
    [other] = json.loads(harness("plan", path, "--plugin", file, "--json").stdout)["cells"]
    assert (other["status"], other["id"] == cell["id"]) == ("todo", False)
    assert "there is no method 'mine'" in harness("plan", path, code=2).stderr


def test_a_plugin_file_that_is_none_is_one_line(harness: Harness, tmp_path: Path) -> None:
    assert "no.py: there is no such file." in harness("list", "--plugin", "no.py", code=2).stderr
    (tmp_path / "mine.py").write_text("x = 1\n1 / 0\n")
    said = harness("list", "--plugin", "mine.py", code=2).stderr
    assert said == f"harness: {tmp_path}/mine.py:2: cannot be imported: ZeroDivisionError: division by zero\n"
    (tmp_path / "my-plugin.py").touch()
    assert "must be named as a module" in harness("list", "--plugin", "my-plugin.py", code=2).stderr
