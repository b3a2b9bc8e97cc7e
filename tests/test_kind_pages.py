"""The examples of docs/plugins, one of each kind, in one run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.plugins import hookspecs
from harness.plugins.registry import KINDS
from tests import pages
from tests.conftest import Harness, install

PAGES = {path.stem: pages.files(f"plugins/{path.name}") for path in (pages.DOCS / "plugins").glob("*.md")}

SUITE = """\
name: kinds
matrix:
  - method: [{use: barlow, width: 32}]
    backbone: [{use: perceptron, width: 32, weights: start.safetensors}]
    dataset: [{use: stripes, per_class: 12}, {use: sheet, path: pictures.csv}]
    seed: [0]
  - {method: [{use: barlow, width: 32}], backbone: [waves], dataset: [tones]}
budget: {steps: 5, batch_size: 16, optimizer: {use: lookahead, every: 2}}
evaluators:
  centroid: {}
  directions: {}
executor: one-by-one
"""


def test_there_is_a_page_for_each_kind_and_for_observers() -> None:
    assert set(PAGES) == {*KINDS, "modality", "observer"}


HOOKS = {name: each for name, each in vars(hookspecs).items() if hasattr(each, "harness_spec")}
WITNESS = """\
import os
from harness import hookimpl


def note(hook, argument):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(f"{hook} {type(argument).__name__} {os.getpid()}\\n")
"""


def witness() -> str:
    """A plugin that implements every hook, each with the argument's own name."""
    arguments = {name: next(iter(each.__annotations__)) for name, each in HOOKS.items()}
    return WITNESS + "".join(f"\n\n@hookimpl\ndef {n}({a}):\n    note('{n}', {a})\n" for n, a in arguments.items())


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_on_a_page(hook: str) -> None:
    pages_that_name_it = [kind for kind in PAGES if hook in pages.read(f"plugins/{kind}.md")]
    assert pages_that_name_it


def started(width: int, side: int) -> dict[str, Tensor]:
    """Weights for the page's backbone."""
    layers = {"1": nn.Linear(side**2, width), "2": nn.BatchNorm1d(width), "4": nn.Linear(width, width)}
    return {
        f"layers.{place}.{name}": value for place, each in layers.items() for name, value in each.state_dict().items()
    }


def pictures(side: int) -> str:
    """A table for the page's data set: two classes, one brighter than the other."""
    lines = [
        ",".join([split, label, *[str(base + number + place) for place in range(side**2)]])
        for split in ("train", "test")
        for label, base in (("dark", 0), ("bright", 90))
        for number in range(10)
    ]
    return "\n".join([*lines, ""])


def test_the_examples_of_all_kinds_run_together_and_every_hook_is_called(harness: Harness, tmp_path: Path) -> None:
    shown = {name: text for page in PAGES.values() for name, text in page.items()}
    assert len(shown) == 18
    entry_points = {name.removesuffix(".py") for name, text in shown.items() if "@hookimpl" in text}
    project = "[project]\nname = 'examples'\nversion = '1.0'\ndependencies = []\n[project.entry-points.harness]\n"
    shown["pyproject.toml"] = project + "".join(f"{name} = '{name}'\n" for name in sorted(entry_points))
    pages.place({**shown, "kinds.yaml": SUITE}, tmp_path)
    install(tmp_path, "witness", witness())
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    env = {"PYTHONPATH": path, "WITNESS": str(tmp_path / "witnessed"), "HARNESS_CACHE": str(tmp_path / "cache")}
    save_file(started(32, 12), tmp_path / "start.safetensors")
    (tmp_path / "pictures.csv").write_text(pictures(12))
    done = harness("run", "kinds.yaml", env=env)
    assert "3 of 3 cells done" in done.stdout
    assert "warning" not in done.stderr
    assert len(list((tmp_path / "cache").rglob("1-*.pt"))) == 1
    [cell, _, _, run] = map(json.loads, (tmp_path / "results" / "kinds" / "diary.jsonl").read_text().splitlines())
    assert run == {"cells": {"done": 3}}
    assert (cell["method"], cell["seed"], cell["status"]) == ("barlow (width=32)", 0, "ok")
    assert 0 <= cell["centroid accuracy"] <= 1
    assert 1 <= cell["directions effective rank"] <= 32
    for steps in (tmp_path / "results" / "kinds" / "cells").glob("*/steps.jsonl"):
        assert {"loss", "invariance"} < set(json.loads(steps.read_text().splitlines()[-1]))
    met = [line.split() for line in (tmp_path / "witnessed").read_text().splitlines()]
    given = {name: each.__annotations__.get("event", "function") for name, each in HOOKS.items()}
    assert {hook: argument for hook, argument, _ in met} == given
    for hook in given:  # registration: in the run, in what jobs are forked from; events: in one process
        processes = [process for name, _, process in met if name == hook]
        assert len(set(processes)) >= (2 if hook.startswith("register_") else 1)
        assert hook in ("step_logged", "cell_finished") or len(set(processes)) == len(processes)
