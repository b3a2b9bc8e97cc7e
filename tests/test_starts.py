"""Cells that start from other cells: the plan, the weights, what waits for what, what is trained again."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness import UsageError, load_suite
from harness.base.atomic_files import read_json, write_json
from harness.learning import building
from harness.learning.data.batches import derive_seed
from harness.learning.training import train
from harness.reporting.gate.snapshot import snapshot
from harness.reporting.leaderboard.tables import build
from harness.reporting.page.again import suite as again
from harness.store.results_folder import Store
from harness.suite.cell import Cell
from harness.suite.plan import Plan
from tests import warm
from tests.conftest import SUITE, Harness
from tests.test_run import Write

ONE = SUITE.replace("[0, 1]", "[0]")
METHODS = """\
[classify, {use: classify, temperature: 2.0, label: second, start: classify},
    {use: classify, temperature: 3.0, label: third, start: second},
    {use: classify, label: own, start: {method: classify, budget: {steps: 7}, dataset: {use: blobs, per_class: 12}}}]
"""
STARTS = ONE.replace("[classify, idle]", METHODS)

FIRST = (
    STARTS.replace("[classify, {", "[{use: classify, label: first}, {")
    .replace("start: classify}", "start: first}")
    .replace("method: classify", "method: first")
)  # `--only method=first` names one of them


def by_name(plan: Plan) -> dict[str, Cell]:
    return {cell.name().replace(" · flat", "").replace(" · seed 0", ""): cell for cell in plan.cells.values()}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Plan, str]:
    """A suite that was run, and what that said. Tests only read it."""
    folder = tmp_path_factory.mktemp("starts")
    (folder / "benchmarks.yaml").write_text(STARTS)
    done = warm.run(["run", "benchmarks.yaml", "--results", "results"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return Store(folder / "results"), Plan.of(load_suite(folder / "benchmarks.yaml")), done.stdout


def test_what_the_matrix_does_not_list_comes_along_and_first(ran: tuple[Store, Plan, str]) -> None:
    store, plan, said = ran
    cells = by_name(plan)
    pre = cells["classify (steps=7) · blobs (per_class=12)"]
    assert [each.name() for each in cells["third · blobs"].ancestors] == [
        "second · flat · blobs · seed 0",
        "classify · flat · blobs · seed 0",
    ]
    assert cells["own · blobs"].start is not None
    assert cells["own · blobs"].start.id == pre.id
    assert (pre.budget.steps, pre.scored, plan.evaluators_of(pre)) == (7, False, {})
    order = list(plan.cells)
    assert all(order.index(cell.start.id) < order.index(id_) for id_, cell in plan.cells.items() if cell.start)
    assert "5 of 5 cells done" in said
    assert not list(store.cell(pre.id).evaluations.glob("*"))
    assert read_json(store.cell(pre.id).cell)["scored"] is False  # type: ignore[index]
    assert not list(store.folder.glob("cells/*/start.json"))


def test_a_start_gives_its_backbone_and_nothing_else(ran: tuple[Store, Plan, str]) -> None:
    """The training, repeated by hand from the weights of the file, has the same weights bit for bit."""
    store, plan, _ = ran
    torch.set_num_threads(1)
    for name in ("second · blobs", "own · blobs"):
        cell = by_name(plan)[name]
        assert cell.start is not None
        data = building.load_data(cell.dataset, torch.device("cpu"))
        start = load_file(store.cell(cell.start.id).model)
        backbone = cell.backbone.spec.load()(cell.backbone.config, data.modality.shape)
        backbone.load_state_dict(
            {key.removeprefix("backbone."): each for key, each in start.items() if key.startswith("backbone.")}
        )
        torch.manual_seed(derive_seed(cell.seed, "method"))
        method = cell.method.spec.load()(backbone, cell.method.config, data)
        train(method, building.source_of(cell, data), cell.budget, store.folder / "none.pt", lambda *_: None)
        trained = load_file(store.cell(cell.id).model)
        assert trained.keys() == method.state_dict().keys()
        assert all(torch.equal(trained[key], each) for key, each in method.state_dict().items())


def test_costs_count_what_a_row_builds_on_and_unscored_cells_are_no_rows(ran: tuple[Store, Plan, str]) -> None:
    store, plan, said = ran
    cells, records = by_name(plan), {record.id: record for record in store.records()}
    seconds = {name: records[cell.id].training["seconds"] for name, cell in cells.items()}  # type: ignore[index]
    [table] = build(records.values())
    assert sorted(row.label for row in table.rows) == ["classify", "own", "second", "third"]
    lines = csv.DictReader(io.StringIO(_csv(store)))
    shown = {line["method"]: (float(line["train_seconds"]), float(line["samples_seen"])) for line in lines}
    assert shown["classify"] == (seconds["classify · blobs"], 960)
    assert shown["third"][0] == pytest.approx(
        sum(seconds[f"{name} · blobs"] for name in ("classify", "second", "third"))
    )
    assert [shown[name][1] for name in ("second", "third", "own")] == [2 * 960, 3 * 960, 960 + 7 * 32]
    chain = "third starts from second on blobs, which starts from classify on blobs"
    assert f"- {chain}: its train s and samples" in (store.folder / "leaderboard.md").read_text(encoding="utf-8")
    assert f"- {chain}." in " ".join(said.split())  # without costs
    assert {key[2] for key in snapshot(records.values(), "here").groups} == {"classify", "own", "second", "third"}


def _csv(store: Store) -> str:
    return warm.run(["leaderboard", store.folder, "--format", "csv"], store.folder).stdout


def test_a_suite_made_of_a_row_has_its_cell(ran: tuple[Store, Plan, str], tmp_path: Path) -> None:
    store, plan, _ = ran
    [table] = build(store.records())
    for row in table.rows:
        (tmp_path / "again.yaml").write_text(again(table, row))
        found = Plan.of(load_suite(tmp_path / "again.yaml"))
        assert [id_ for id_, cell in found.cells.items() if cell.scored] == [row.cells[0].id]
        assert set(found.cells) <= set(plan.cells)


def test_ids(suite: Write) -> None:
    """A start moves the id of what starts from it, and no other."""
    plain = [cell.id for cell in load_suite(suite(ONE)).cells]
    cells = by_name(Plan.of(load_suite(suite(STARTS))))
    assert cells["classify · blobs"].id == plain[0]
    assert cells["own · blobs"].id != plain[0]  # but for its start it is the same
    longer = by_name(Plan.of(load_suite(suite(STARTS.replace("steps: 7", "steps: 8")))))
    assert longer["own · blobs"].id != cells["own · blobs"].id
    assert longer["third · blobs"].id == cells["third · blobs"].id
    listed = load_suite(
        suite(STARTS.replace("budget: {steps: 7}, dataset: {use: blobs, per_class: 12}", "dataset: blobs"))
    )
    assert all(cell.scored for cell in listed.cells)
    assert len(listed.cells) == 4


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ("[{use: classify, start: classify}]", "3: start: 'classify (start=classify)' starts from 'classify (start=cl"),
        (
            "\n  - {use: classify, label: a, start: b}\n  - {use: idle, label: b, start: a}",
            "4: start: 'a' starts from 'b', which starts from 'a': a circle",
        ),
        ("[idle, {use: classify, start: idel}]", "3: start: no method 'idel' in this suite. Did you mean 'idle'?"),
        (
            "[{use: classify, temperature: [1.0, 2.0]}, {use: idle, start: classify}]",
            "3: start: method 'classify' may be any of 'classify (temperature=1.0)', 'classify (temperature=2.0)'",
        ),
        ("[idle, {use: classify, start: [idle]}]", "3: a start is the label of a method, or"),
        (
            "[idle, {use: classify, start: {method: idle, buget: {}}}]",
            "3: a start has no 'buget'. Did you mean 'budget'?",
        ),
        ("[idle, {use: classify, start: {method: idle, budget: {step: 3}}}]", "3: budget has no option 'step'"),
        ("[idle, {use: classify, start: {method: idle, dataset: blob}}]", "3: there is no dataset 'blob'"),
        (
            "[idle, {use: classify, start: {method: idle, dataset: {use: blobs, classes: [3, 4]}}}]",
            "3: a start has one dataset, not 2",
        ),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(suite: Write, methods: str, message: str) -> None:
    path = suite(ONE.replace("[classify, idle]", methods))
    with pytest.raises(UsageError) as refused:
        load_suite(path)
    assert f"{path}:{message}" in str(refused.value)


def test_weights_that_do_not_fit_end_the_run_before_it_trains(harness: Harness, suite: Write, tmp_path: Path) -> None:
    methods = "[{use: classify, start: {method: idle, dataset: digits}}, idle]"
    said = harness("run", suite(ONE.replace("[classify, idle]", methods)), code=2).stderr
    assert "benchmarks.yaml:3: classify (start=idle) on blobs with flat cannot start from idle on digits: " in said
    assert "'linear.weight' is" in said
    assert not list(tmp_path.glob("results/toy/cells/*"))


def test_a_start_that_fails_fails_what_follows_until_it_is_mended(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    methods = """\
[{use: fail, unless: marker, label: bad}, {use: classify, label: then, start: bad},
    {use: classify, label: last, temperature: 2.0, start: then}]
"""
    path = suite(ONE.replace("[classify, idle]", methods))
    said = harness("run", path, code=1, env={"COLUMNS": "400"}).stdout
    reason = "its start 'bad · flat · blobs · seed 0' failed: RuntimeError: failed on purpose"
    assert f"failed: then · flat · blobs · seed 0; {reason}" in said
    assert f"last, seed 0: failed. its start 'then · flat · blobs · seed 0' failed: {reason}" in said
    assert "0 of 3 cells done" in said
    assert "3 failed" in harness("plan", path).stdout
    (tmp_path / "marker").touch()
    assert "3 of 3 cells done" in harness("run", path).stdout


def test_only_takes_starts_along_and_fresh_leaves_them(harness: Harness, suite: Write, tmp_path: Path) -> None:
    path = suite(FIRST)
    store, cells = Store(tmp_path / "results/toy"), by_name(Plan.of(load_suite(path)))
    first, second = cells["first · blobs"], cells["second · blobs"]
    planned = harness("plan", path, env={"COLUMNS": "200"}).stdout
    assert f"{first.id}  todo" in " ".join(planned.split("\n")[2].split()).replace(" todo", "  todo")
    assert "7) flat" in " ".join(planned.split())
    assert "todo, not scored" in planned
    assert "3 cells wait for their starts." in planned
    said = harness("run", path, "--only", "method=second").stdout
    assert "2 of 2 cells done" in said
    rows, _, _ = said.partition("mean rank")[2].partition("\n- ")
    assert "second" in rows
    assert "first" not in rows
    assert not list(store.cell(first.id).evaluations.glob("*"))
    stamps = [store.cell(each.id).training.stat().st_mtime_ns for each in (first, second)]
    harness("run", path, "--only", "method=second", "--fresh")
    now = [store.cell(each.id).training.stat().st_mtime_ns for each in (first, second)]
    assert [was == is_ for was, is_ in zip(stamps, now, strict=True)] == [True, False]
    harness("run", path, "--only", "method=first")
    assert len(list(store.cell(first.id).evaluations.glob("*.json"))) == 1
    assert store.cell(first.id).training.stat().st_mtime_ns == now[0]
    assert "(1 that is kept starts from it)" in harness("forget", "results/toy", first.id).stdout

    # the start's model is lost: it is trained anew, to the same bits, and what started from it stays
    os.truncate(store.cell(first.id).model, 10)
    harness("run", path, "--only", "method=second")
    assert store.cell(first.id).training.stat().st_mtime_ns != now[0]
    assert store.cell(second.id).training.stat().st_mtime_ns == now[1]

    # it began with another model than its start has now: it is trained again, and says so
    harness("compact", "results/toy")
    folder = store.cell(second.id)
    training: dict[str, Any] = read_json(folder.training) or {}
    other = {**training, "start": {**training["start"], "model": {"bytes": 1, "crc32": "00000000"}}}
    with store.changing(second.id):
        write_json(folder.training, {key: each for key, each in other.items() if key != "format"})
    weights = load_file(folder.model)
    listed = json.loads(harness("plan", path, "--json").stdout)["cells"]
    assert {each["id"]: each["status"] for each in listed}[second.id] == "todo"
    harness("run", path, "--only", "method=second")
    assert (read_json(folder.training) or {})["start"]["model"] == training["start"]["model"]
    assert all(torch.equal(each, weights[key]) for key, each in load_file(folder.model).items())
    assert "trained again, because its start" in "".join(log.read_text() for log in folder.attempts.glob("*.log"))


def test_a_start_that_is_trained_to_another_model_has_its_followers_trained_again(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    """`--fresh` for the start alone, after code changed that no version tells of."""
    plugin = tmp_path / "noisy.py"
    plugin.write_text(NOISY)
    methods = "[{use: noisy}, {use: classify, label: then, start: noisy}, {use: classify, label: kept}]"
    path = suite(ONE.replace("[classify, idle]", methods))
    assert "3 of 3 cells done" in harness("run", path, "--plugin", plugin).stdout
    said = harness("run", path, "--plugin", plugin, "--only", "method=noisy", "--fresh").stdout
    assert "1 of 1 cell done" in said
    assert "1 todo" in harness("plan", path, "--plugin", plugin).stdout
    store = Store(tmp_path / "results/toy")
    ids = {record.cell["method"]["label"]: record.id for record in store.records()}
    kept = store.cell(ids["kept"]).training.stat().st_mtime_ns
    said = harness("run", path, "--plugin", plugin).stdout
    assert "2 already done" in said
    assert "then · flat · blobs · seed 0: runs again, because the model" in " ".join(said.split())
    assert store.cell(ids["kept"]).training.stat().st_mtime_ns == kept
    os.truncate(store.cell(ids["noisy"]).model, 10)  # in one run: the start is another, and so is what follows
    said = harness("run", path, "--plugin", plugin).stdout
    assert "runs again, because the model that it starts from, or is judged by, has changed" in " ".join(said.split())
    assert "3 of 3 cells done" in said


NOISY = """\
import time

from harness import Method, hookimpl


class Noisy(Method):
    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        backbone.linear.bias.data.fill_(time.time() % 1000)


@hookimpl
def register_methods(register):
    register("noisy", "noisy:Noisy", summary="other weights each time")
"""


def test_detached_jobs_wait_for_those_of_their_starts(harness: Harness, suite: Write, tmp_path: Path) -> None:
    """All are submitted at once; one whose start has failed says so itself."""
    methods = """\
[classify, {use: classify, label: second, start: classify}, {use: fail, label: bad},
    {use: classify, label: then, start: bad}]
"""
    path = suite(ONE.replace("[classify, idle]", methods) + "executor: engine\n")
    said = harness("run", path, "--executor-option", "hold=true", "--detach").stdout
    assert "4 of 4 cells submitted" in said
    said = harness("run", path, code=1, env={"COLUMNS": "400"}).stdout
    assert "2 of 4 cells done" in said
    assert "then, seed 0: failed. its start 'bad · flat · blobs · seed 0' failed: RuntimeError: failed" in said
    jobs = [json.loads(file.read_text())[0] for file in (tmp_path / "results/toy").glob("engine/*/job.json")]
    assert len(jobs) == len(set(jobs)) == 5  # one to prepare, and no cell twice


def test_two_devices_start_from_the_same_weights(harness: Harness, suite: Write, tmp_path: Path) -> None:
    text = """\
matrix:
  method: [supervised, {use: supervised, label: two, start: supervised, budget: {devices: 2}},
    {use: supervised, label: one, start: {method: supervised, budget: {warmup: 0.5}}}]
  backbone: [{use: conv4, width: 8}]
  dataset: [digits]
budget: {steps: 4, batch_size: 16, warmup: 0.0}
evaluators: {knn: {k: 5}}
"""
    path = suite(text)
    harness("run", path, "--results", "results", "--only", "method=two", "--device", "cpu")
    store, plan = Store(tmp_path / "results"), Plan.of(load_suite(path))
    [two] = [cell for cell in plan.cells.values() if cell.method.label == "two"]
    assert two.start is not None
    data = building.load_data(two.dataset, torch.device("cpu"))
    method = building.build(two, data, store.cell(two.start.id).model).method
    train(method, building.Source(data, 16, two.seed), two.budget, tmp_path / "none.pt", lambda *_: None)
    trained = load_file(store.cell(two.id).model)
    for key, each in method.state_dict().items():
        assert torch.allclose(trained[key], each, atol=1e-4), key
