"""Commands that show things: quick, torch-free, and right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SUITE, Harness


@pytest.mark.parametrize("command", [["--help"], ["list"], ["plan", "benchmarks.yaml"], ["show", "method", "classify"]])
def test_without_torch_pandas_or_scipy(command: list[str], suite: Callable[[str], Path], tmp_path: Path) -> None:
    suite(SUITE)
    code = (
        "import sys; from harness.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'timm', 'learn2learn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_list_names_components_and_distributions(harness: Harness) -> None:
    listed = harness("list").stdout
    for name in (
        "classify",
        "simclr",
        "moco",
        "maml",
        "protonet",
        "supervised",
        "untrained",
        "conv4",
        "glyphs",
        "fewshot",
        "local",
    ):
        assert f"\n{name} " in listed
    assert "harness-toy" in listed
    assert "rep-harness-simclr" in listed
    methods = harness("list", "methods").stdout
    assert "simclr" in methods
    assert "conv4" not in methods
    assert "Did you mean 'method'?" in harness("list", "metod", code=2).stderr


def test_show_gives_options_paper_and_distribution(harness: Harness) -> None:
    shown = harness("show", "method", "classify").stdout
    for text in (
        "a linear classifier",
        "arXiv:0000",
        "harness-toy 1.0",
        "temperature",
        "softmax temperature",
        "fast | slow",
        "1.0",
    ):
        assert text in shown
    assert "Did you mean 'classify'?" in harness("show", "method", "clasify", code=2).stderr


def test_plan_lists_cells(harness: Harness, suite: Callable[[str], Path]) -> None:
    table = harness("plan", suite(SUITE)).stdout
    assert "4 cells: 4 todo" in table
    cells = json.loads(harness("plan", suite(SUITE), "--json").stdout)["cells"]
    assert [(cell["method"]["name"], cell["seed"], cell["status"]) for cell in cells] == [
        ("classify", 0, "todo"),
        ("idle", 0, "todo"),
        ("classify", 1, "todo"),
        ("idle", 1, "todo"),
    ]
    assert all(cell["id"] in table for cell in cells)


def test_broken_plugins_are_named_and_the_rest_works(harness: Harness, tmp_path: Path) -> None:
    sources = {
        "raises": "raise RuntimeError('bad day')",
        "misspelt": "from harness import hookimpl\n@hookimpl\ndef register_metods(register): pass",
        "clash": "from harness import hookimpl\n@hookimpl\ndef register_methods(register): register('classify', 'a:b')",
        "halfway": "from harness import hookimpl\n@hookimpl\ndef register_methods(register): register('h', 'a:b'); 1/0",
    }
    for name, source in sources.items():
        (tmp_path / f"plugin_{name}.py").write_text(source)
        info = tmp_path / f"plugin_{name}-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text(f"[harness]\nsame = plugin_{name}\n")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    listed = harness("list", "methods", env={"PYTHONPATH": path})
    assert "idle" in listed.stdout
    for text in (
        "plugin 'same' (plugin-raises 2.0): cannot be imported: RuntimeError: bad day",
        "plugin 'same' (plugin-misspelt 2.0): unknown hook 'register_metods'",
        "plugin 'same' (plugin-halfway 2.0): register_methods raised ZeroDivisionError",
        "method 'classify' is already registered by plugin 'toy' (harness-toy 1.0)",
    ):
        assert text in listed.stderr


@pytest.mark.parametrize("arguments", [["list"], ["list", "methods"], ["--help"]])
def test_a_reader_that_leaves_ends_the_command_in_silence(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "harness", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 1
