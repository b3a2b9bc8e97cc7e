"""The tutorial: its files are the bundled plugins' but for the name, and run as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages
from tests.conftest import Harness

ROOT = Path(__file__).parent.parent
FILES = pages.files("tutorial.md")


@pytest.mark.parametrize(
    ("plugin", "module"),
    [("simsiam", "__init__"), ("simsiam", "method"), ("uniformity", "__init__"), ("uniformity", "evaluator")],
)
def test_the_code_is_the_bundled_plugins(plugin: str, module: str) -> None:
    shown = FILES[f"my-{plugin}/my_{plugin}/{module}.py"]
    own = (ROOT / "plugins" / plugin / f"harness_{plugin}" / f"{module}.py").read_text(encoding="utf-8")
    renamed = own.replace(f"harness_{plugin}", f"my_{plugin}")
    for before, after in (('"', '",'), ("`", "`.")):  # the registered name, and the docstring's
        renamed = renamed.replace(f"{before}{plugin}{after}", f"{before}my_{plugin}{after}")
    assert shown == renamed


def test_a_method_is_at_most_60_lines_of_its_author() -> None:
    code = "".join(text for name, text in FILES.items() if name.startswith("my-simsiam/my_simsiam/"))
    assert code.count("class ") == 2
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 60


def test_the_tutorial_runs_as_it_says(harness: Harness, tmp_path: Path) -> None:
    pages.place(FILES, tmp_path)
    paths = [str(tmp_path / name) for name in ("my-simsiam", "my-uniformity")]
    env = {"PYTHONPATH": os.pathsep.join([*paths, os.environ["PYTHONPATH"]])}
    assert "projection_dim" in harness("show", "method", "my_simsiam", env=env).stdout
    test = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "my-simsiam", "my-uniformity"]
    subprocess.run(test, cwd=tmp_path, env={**os.environ, **env}, check=True, capture_output=True)
    [further] = [block for block in pages.blocks("tutorial.md", "yaml") if block.startswith(" ")]
    text = FILES["tutorial.yaml"] + further
    small = {"steps: 200": "steps: 3", "[0, 1]": "[0]", "  - untrained\n": "", "episodes: 500": "episodes: 20"}
    for before, after in small.items():
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "tutorial.yaml").write_text(text)
    done = harness("run", "tutorial.yaml", env=env)
    assert "2 of 2 cells done" in done.stdout
    table = (tmp_path / "results" / "tutorial" / "leaderboard.md").read_text(encoding="utf-8")
    for expected in (
        "| my_simsiam",
        "| simclr",
        "sphere alignment ↓",
        "sphere uniformity ↓",
        "my-simsiam 0.1.0",
    ):
        assert expected in table
