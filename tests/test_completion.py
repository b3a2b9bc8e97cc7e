"""What the shell offers, by the protocol of its completion: the command is run with the words in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.scaffold import NEW
from harness.plugins.registry import KINDS

CODE = """
import contextlib, io, json, os, sys
from harness.cli import main

def offered(shell, line):
    os.environ |= {"_HARNESS_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_TYPER_COMPLETE_ARGS": line}
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main()
    return said.getvalue()

questions = json.loads(sys.argv.pop())
print(json.dumps([offered(*each) for each in questions]))
heavy = {"torch", "pandas", "scipy", "numpy", "harness_toy.parts"}  # would make each stroke of the key take seconds
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("suites")
    (made / "benchmarks").mkdir()
    for name in (
        "benchmarks.yaml",
        "other.yml",
        "notes.txt",
        ".hidden.yaml",
        "benchmarks/long.yaml",
        "benchmarks/x.md",
    ):
        (made / name).touch()
    return made


def offered(folder: Path, *questions: tuple[str, str]) -> list[str]:
    """What a shell is told for the last word of a line, which may be empty; one process for all (shell, line)."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(questions)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(json.loads(done.stdout))


EXPECTED = {
    "harness p": ["plan", "plugins"],
    "harness show ": list(KINDS),
    "harness list e": ["evaluator", "executor"],
    "harness new ": list(NEW),
    "harness show method si": ["simclr", "simcse", "simcse_supervised", "simsiam"],
    "harness show backbones fl": ["flat"],
    "harness show metod s": [],
    "harness run b": ["benchmarks.yaml", "benchmarks/long.yaml"],
    "harness plan ": ["benchmarks.yaml", "benchmarks/long.yaml", "other.yml"],
    "harness run benchmarks/": ["benchmarks/long.yaml"],
    "harness run nowhere/": [],
    "harness run benchmarks.yaml --executor l": ["local"],
    "harness run benchmarks.yaml --device c": ["cpu", "cuda"],
    "harness score a.pth --backbone resn": ["resnet18", "resnet50"],
    "harness score a.pth --data gl": ["glyph_scenes", "glyphs"],
    "harness score a.pth --evaluators knn,rank": ["knn,rankme"],
    "harness --no-plugins=harness-t": ["harness-toy"],
    "harness --no-plugins=toy show method si": ["simclr", "simcse", "simcse_supervised", "simsiam"],
}


def test_what_bash_is_offered(folder: Path) -> None:
    told = offered(folder, *(("bash", line) for line in EXPECTED))
    assert {line: words.split() for line, words in zip(EXPECTED, told, strict=True)} == EXPECTED


def test_other_shells_are_offered_the_same(folder: Path) -> None:
    zsh, fish = offered(folder, ("zsh", "harness show method u"), ("fish", "harness show method u"))
    assert all(f'"{name}"' in zsh for name in ("umtra", "untrained"))
    assert fish.split() == ["umtra", "untrained"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    env = {**os.environ, "_HARNESS_COMPLETE": f"source_{shell}"}
    code = "import sys; from harness.cli import main; sys.argv = ['harness']; main()"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert f"_HARNESS_COMPLETE=complete_{shell}" in done.stdout
