"""Published results: stated as data, shown beside ours with the difference, and with where the protocol is another."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.plugins.options import fields_of
from harness.plugins.published import Published
from harness.plugins.registry import KINDS, registry
from harness.reporting.leaderboard import render, show
from harness.reporting.leaderboard.tables import build
from harness.suite.budget import Budget
from tests.conftest import SUITE, Harness, install
from tests.records import component, evaluation, metric, record

KNN = Published(
    {"method": "simclr", "dataset": "glyphs", "evaluator": "knn", "evaluator.k": 5, "budget.steps": 400},
    0.875,
    "Some & Others 2020",
    0.01,
    protocol={"method.temperature": 0.5, "budget.lr": 0.3, "backbone": "conv4", "method.symmetric": True},
    note="there on <other> pixels",
)


def records(**changes: Any) -> list[Any]:
    method = component("simclr", temperature=0.5)
    return [
        record(method, seed, evaluations={"id": evaluation("kNN", {"accuracy": metric(value)}, k=5)}, **changes)
        for seed, value in enumerate([0.85, 0.87, 0.86])
    ]


def test_the_number_stands_beside_ours_with_the_difference() -> None:
    [row] = [line for line in render(records(), published=[KNN]).splitlines() if "87.5" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("simclr", "kNN", "86.0 ± 2.5", "87.5 ± 1.0", "-1.5")
    ]


def test_what_differs_is_told_and_what_does_not_is_not() -> None:
    [line] = [line for line in render(records(), published=[KNN]).splitlines() if "Some &amp; Others" in line]
    assert "Here budget.lr 0.1, not 0.3, method.symmetric unknown, not true; there on &lt;other&gt; pixels." in line
    assert "temperature" not in line
    assert "conv4" not in line


def test_the_same_protocol_is_said_to_be_the_same() -> None:
    same = dataclasses.replace(KNN, protocol={"budget.lr": 0.1}, note="")
    assert "The same protocol, as far as it is stated." in render(records(), published=[same])


@pytest.mark.parametrize(
    "setting",
    [{"method": "moco"}, {"dataset": "omniglot"}, {"evaluator.k": 200}, {"budget.steps": 401}, {"method.tau": 1}],
)
def test_another_setting_shows_nothing(setting: dict[str, Any]) -> None:
    other = dataclasses.replace(KNN, setting={**KNN.setting, **setting})
    assert render(records(), published=[other]) == render(records())


def test_csv_has_the_gap_to_the_nearest_protocol_on_the_lines_of_all_seeds() -> None:
    far = dataclasses.replace(KNN, value=0.9, source="Far")
    near = dataclasses.replace(KNN, value=0.8, source="Near", protocol={"budget.lr": 0.1})
    later = dataclasses.replace(near, value=0.7, source="Later")
    lines = list(csv.DictReader(io.StringIO(render(records(), "csv", [far, near, later]))))
    assert [(line["published"], line["published_in"]) for line in lines] == [("0.8", "Near")] * 3
    assert [float(line["gap"]) for line in lines] == pytest.approx([0.06] * 3)
    (alone,) = {(line["published"], line["gap"]) for line in csv.DictReader(io.StringIO(render(records(), "csv")))}
    assert alone == ("", "")


def test_another_metric_shows_nothing() -> None:
    assert render(records(), published=[dataclasses.replace(KNN, metric="loss")]) == render(records())


def test_page_and_terminal_show_it() -> None:
    page = html.unescape(render(records(), "html", [KNN]))
    console = Console(width=80, file=io.StringIO(), color_system=None)
    show(build(records()), console, [KNN])
    assert isinstance(console.file, io.StringIO)
    for text in (page, console.file.getvalue()):
        for part in ("87.5 ± 1.0", "-1.5", "Some & Others 2020"):
            assert part in text
    assert "<other>" not in render(records(), "html", [KNN])


@pytest.mark.parametrize("each", registry().published(), ids=lambda each: each.source)
def test_what_the_bundled_plugins_state_could_match_a_record(each: Published) -> None:
    """A fact with a misspelt key or a value of another type would match nothing, silently."""
    options = {
        f"{kind}.{name}"
        for kind in KINDS
        if kind in {**each.protocol, **each.setting}
        for name in fields_of(registry().get(kind, {**each.protocol, **each.setting}[kind]).config)
    }
    known = {*KINDS, *(f"{kind}@" for kind in KINDS), *options, *(f"budget.{name}" for name in fields_of(Budget))}
    assert {*each.setting, *each.protocol} <= known
    assert 0 < each.value < 1
    assert {"dataset", "evaluator", "method"} <= set(each.setting)


PLUGIN = """\
from harness import Published, hookimpl
from harness_toy import CentroidConfig

@hookimpl
def register_methods(register):
    register("stating", "harness_toy.parts:Classify", CentroidConfig, published={published})
"""


def stated(tmp_path: Path, published: str) -> dict[str, str]:
    install(tmp_path, "stating", PLUGIN.format(published=published))
    return {"PYTHONPATH": f"{tmp_path}:" + os.environ["PYTHONPATH"]}


def test_a_plugin_states_it_and_the_command_shows_it(harness: Harness, suite: Any, tmp_path: Path) -> None:
    setting = '{"dataset": "blobs", "evaluator": "nearest"}'
    env = stated(tmp_path, f"[Published({setting}, 0.5, 'A paper', protocol={{'budget.lr': 0.2}})]")
    shown = harness("show", "method", "stating", env=env).stdout
    assert "0.5 accuracy: dataset blobs, evaluator nearest (A paper)" in " ".join(shown.split())
    path = suite(SUITE.replace("[classify, idle]", "[stating]"))
    ran = harness("run", path, env=env).stdout
    assert "published" in ran
    written = (tmp_path / "results" / "toy" / "leaderboard.md").read_text()
    assert "A paper. Here budget.lr 0.1, not 0.2." in written
    assert harness("leaderboard", tmp_path / "results" / "toy", env=env).stdout == written
    without = harness("leaderboard", tmp_path / "results" / "toy", env={**env, "HARNESS_NO_PLUGINS": "plugin-stating"})
    assert "A paper" not in without.stdout


@pytest.mark.parametrize("wrong", ["5", "[0.98]", "[Published({}, 0.5, 'A paper')]", "[Published({'a': 1}, 0.5, '')]"])
def test_what_is_misstated_is_reported(harness: Harness, tmp_path: Path, wrong: str) -> None:
    listed = harness("list", "methods", env=stated(tmp_path, wrong))
    assert "plugin-stating" in listed.stderr
    assert "published" in listed.stderr
    assert "simclr" in listed.stdout
