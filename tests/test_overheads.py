"""Costs by their structure: what is read, parsed and counted, not how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from harness import UsageError
from harness.cli import app, table
from harness.cli import help as drawn
from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite import planfile
from harness.suite.document import read
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests.conftest import SUITE

Write = Callable[[str], Path]


def planned(suite: Write, text: str = SUITE) -> Plan:
    return Plan.of(load_suite(suite(text), registry()))


def test_a_plan_survives_its_file(suite: Write, tmp_path: Path) -> None:
    plan = planned(
        suite, SUITE.replace("classify, idle", "{use: classify, temperature: [0.5, 1.0], budget: {lr: 0.2}}, idle")
    )
    path = Store(tmp_path / "results").write_plan(plan)
    again = planfile.PlanFile(path, registry()).plan()
    assert [cell.as_json() for cell in again.cells.values()] == [cell.as_json() for cell in plan.cells.values()]
    assert [cell.id for cell in again.cells.values()] == list(again.cells) == list(plan.cells)
    assert [each.as_json() for each in again.evaluators.values()] == [e.as_json() for e in plan.evaluators.values()]
    assert planfile.dump(again) == path.read_bytes()
    assert path.stem == planfile.name(path.read_bytes())


@pytest.mark.parametrize("seeds", [2, 40])
def test_a_job_parses_its_own_cell_and_no_other(seeds: int, suite: Write, tmp_path: Path, monkeypatch: Any) -> None:
    plan = planned(suite, SUITE.replace("[0, 1]", str(list(range(seeds)))))
    path = Store(tmp_path / "results").write_plan(plan)
    parsed: list[Any] = []
    loads = json.loads
    monkeypatch.setattr(planfile.json, "loads", lambda line: parsed.append(loads(line)) or parsed[-1])
    id_ = list(plan.cells)[-1]
    cell = planfile.PlanFile(path, registry()).cell(id_)
    assert cell.as_json() == plan.cells[id_].as_json()
    assert [line["cell"] for line in parsed if "cell" in line] == [id_]
    assert len(parsed) == 1 + 1 + 6  # the header, the cell, and its components, optimizer and budgets
    with pytest.raises(UsageError, match="has no cell 'nonsense'"):
        planfile.PlanFile(path, registry()).cell("nonsense")


def test_a_plan_grows_by_one_short_line_a_cell(suite: Write) -> None:
    few, many = (
        len(planfile.dump(planned(suite, SUITE.replace("[0, 1]", str(list(range(100, 100 + seeds)))))))
        for seeds in (10, 60)
    )
    assert (many - few) / (50 * 2) < 250


def test_a_long_list_of_seeds_is_read(suite: Write) -> None:
    assert len(planned(suite, SUITE.replace("[0, 1]", str(list(range(6000))))).cells) == 12_000


def test_values_are_those_that_omegaconf_reads(suite: Write) -> None:
    numbers = "1e-3, 1E5, 1.5e3, -2e2, .5, 1_000, 0x1f, 0o7, .inf, '1e3', '010', '1:30', e3, 1e"
    text = f"a: [{numbers}, yes, off, null, ~, 2020-01-01]\nb: &x {{c: 1}}\nd: {{<<: *x, e: 2}}\n"
    from omegaconf import OmegaConf

    assert read(suite(text)).values == OmegaConf.to_container(OmegaConf.create(text))
    assert read(suite(text + "f: ${b.c}\n")).values == {**read(suite(text)).values, "f": 1}


@pytest.mark.skipif(Version(version("typer")) < Version("0.29"), reason="other widths of columns before typer 0.29")
@pytest.mark.parametrize("width", [60, 80, 100, 132])
def test_help_is_what_typer_draws(width: int, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
    with pytest.raises(SystemExit):
        app()(["--help"], prog_name="harness")
    typers = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line.rstrip() for line in drawn.text(width, colour=False).splitlines()] == typers
    assert "\x1b[" in drawn.text(width, colour=True)


def test_neither_help_nor_list_loads_typer_or_rich(tmp_path: Path) -> None:
    for command in ("--help", "list"):
        code = f"import sys; sys.argv[1:] = ['{command}']; from harness.cli import main\ntry: main()\nfinally: "
        check = "print({'typer', 'rich', 'omegaconf', 'yaml', 'numpy', 'torch'} & set(sys.modules), file=sys.stderr)"
        done = subprocess.run(
            [sys.executable, "-c", code + check], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "set()", done.stderr  # main may leave by SystemExit


def test_tables_wrap_what_may_wrap() -> None:
    columns = (table.Column("id", wraps=False), table.Column("what it is"), table.Column("status", wraps=False))
    rows = [("abc", "several words that need more room", ("done", "green")), ("d", "one\x1b[31m", "todo")]
    lines = list(table.lines(columns, rows, 24, colour=False))
    assert lines[0] == "id  what it is    status"
    assert lines[1] == "abc several words done"
    assert all(len(line) <= 24 for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert "\x1b[32mdone\x1b[0m" in "".join(table.lines(columns, rows, 80, colour=True))


def test_preparing_meets_each_combination_once(suite: Write) -> None:
    from harness.running.prepare import _by_dataset

    plan = planned(suite, SUITE.replace("[0, 1]", str(list(range(50)))))
    plan = replace(plan, cells=dict(plan.cells))
    assert [(data.label, len(cells)) for data, cells in _by_dataset(plan)] == [("blobs", 2)]
