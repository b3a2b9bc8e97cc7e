"""Methods that start from others: every bundled one that learns from episodes does, momentum networks begin as copies
of what was loaded, and what the tables say of costs and labels counts the starts."""

from __future__ import annotations

import csv
import io
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import fmean

import pytest
import torch
from safetensors.torch import load_file

from harness import load_suite
from harness.base.atomic_files import read_json
from harness.learning import building
from harness.reporting.leaderboard.grids import costs
from harness.reporting.leaderboard.notes import notes
from harness.reporting.leaderboard.tables import Table, build
from harness.reporting.page.cost import cost
from harness.reporting.page.figures import Sketchbook
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from tests import warm
from tests.conftest import Harness

LEARNERS = {
    "protonet": "ways: 5, shots: 1, queries: 2",
    "maml": "queries: 2, tasks: 1",
    "anil": "queries: 2, tasks: 1",
    "meta_baseline": "queries: 2, tasks: 1",
    "cactus": "clusters: 20, partitions: 2, queries: 2, tasks: 1",
}
STARTS = ("simclr", "supervised")
ROWS = "".join(
    f"  - {{use: {name}, {options}, label: {name} from {start}, start: {start}}}\n"
    for name, options in LEARNERS.items()
    for start in STARTS
)
SUITE = f"""\
matrix:
  method:
  - simclr
  - {{use: supervised, budget: {{steps: 3}}}}
{ROWS}\
  - {{use: moco, queue_size: 64, label: moco, start: simclr, budget: {{steps: 1}}}}
  - {{use: moco_v3, hidden_dim: 8, projection_dim: 8, label: moco_v3, start: simclr, budget: {{steps: 1}}}}
  - {{use: pretrained, label: as it is, start: protonet from simclr}}
  backbone: [{{use: conv4, width: 8}}]
  dataset: [digits]
  seed: [0]
budget: {{steps: 4, batch_size: 16}}
evaluators: {{fewshot: {{split: test, ways: 5, shots: 1, queries: 2, episodes: 5}}}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Plan]:
    """Tests only read it."""
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "suite.yaml").write_text(SUITE)
    done = warm.run(["run", "suite.yaml", "--results", "results", "--device", "cpu"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return Store(folder / "results"), Plan.of(load_suite(folder / "suite.yaml"))


@pytest.fixture(scope="module")
def table(ran: tuple[Store, Plan]) -> Table:
    [table] = build(ran[0].records())
    return table


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", LEARNERS)
def test_few_shot_methods_train_on_from_a_start(ran: tuple[Store, Plan], name: str, start: str) -> None:
    """The backbone of the first step is the start's: with a rate of zero it stays so, here it has moved a little."""
    store, plan = ran
    [cell] = [each for each in plan.cells.values() if each.method.label == f"{name} from {start}"]
    assert cell.start is not None
    assert cell.start.method.label == start
    before, after = load_file(store.cell(cell.start.id).model), load_file(store.cell(cell.id).model)
    weights = [key for key in before if key.startswith("backbone.") and before[key].ndim > 1]
    far = [float((after[key] - before[key]).norm() / before[key].norm()) for key in weights]
    assert weights
    assert all(0 < each < 0.3 for each in far), far  # two random backbones are about 1.4 apart


@pytest.mark.parametrize("name", ["moco", "moco_v3"])
def test_a_momentum_network_begins_as_a_copy_of_the_start(ran: tuple[Store, Plan], name: str) -> None:
    store, plan = ran
    [cell] = [each for each in plan.cells.values() if each.method.label == name]
    assert cell.start is not None
    model = store.cell(cell.start.id).model
    method = building.build(cell, building.load_data(cell.dataset, torch.device("cpu")), model).method
    started = {key: each for key, each in load_file(model).items() if key.startswith("backbone.")}
    state = method.state_dict()
    assert len(started) > 8
    for key, weight in started.items():
        assert torch.equal(state[key], weight), key
        assert torch.equal(state[key.replace("backbone.", "key_network.0.", 1)], weight), key


def test_costs_count_starts_and_views(table: Table, ran: tuple[Store, Plan]) -> None:
    grid = costs(table)
    assert grid.headers[5:7] == ("samples seen", "views seen")
    shown = {row[0].text: [row[i].text for i in (1, 5, 6)] for row in grid.rows}
    episodes = 4 * 5 * 3
    assert shown["simclr"] == ["4 steps", "64.0", "128"]
    assert shown["supervised"] == ["3 steps", "48.0", "48.0"]
    assert shown["protonet from simclr"] == ["4 + 4 steps", f"{64 + episodes}", f"{128 + episodes}"]
    assert shown["maml from supervised"] == ["3 + 4 steps", f"{48 + episodes}", f"{48 + episodes}"]
    assert shown["moco"] == ["4 + 1 steps", "80.0", "160"]
    assert shown["as it is"] == ["4 + 4 + 0 steps", f"{64 + episodes}", f"{128 + episodes}"]
    text = warm.run(["leaderboard", ran[0].folder, "--format", "csv"], ran[0].folder).stdout
    found = {line["method"]: line["views_seen"] for line in csv.DictReader(io.StringIO(text))}
    assert float(found["as it is"]) == 128 + episodes


def test_the_figure_of_costs_says_what_its_seconds_are_of(table: Table) -> None:
    [picture] = cost(table, Sketchbook())
    assert "against the time of training with that of all that it starts from, means" in picture.caption


def test_the_page_on_few_shot_says_what_the_committed_records_say() -> None:
    from tests.pages import script

    root = Path(__file__).parent.parent
    found = script("combined").scores(Store(root / "results" / "reference" / "combined").records())["ProtoNet"]
    seeds = [found[start][25] for start in ("random weights", "simclr", "supervised", "protoclr")]
    scratch, simclr, supervised, protoclr, long = (
        f"{fmean(each):.1f}" for each in (*seeds, found["random weights"][400])
    )
    said = " ".join((root / "docs" / "few-shot.md").read_text(encoding="utf-8").split())
    expected = (
        f"{scratch} from random weights, {simclr} from SimCLR, {supervised} from `supervised` and {protoclr} from"
    )
    assert f"has {expected} ProtoCLR. After 400 steps from random weights it has {long}." in said
    assert {len(each) for each in seeds} == {3}


def test_the_figure_of_starts_has_a_line_for_each(ran: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parent.parent / "docs" / "combined.py"
    spec = spec_from_file_location("combined", path)
    assert spec is not None
    assert spec.loader is not None
    combined = module_from_spec(spec)
    spec.loader.exec_module(combined)
    monkeypatch.setattr(combined, "EVALUATOR", "fewshot")
    records = list(ran[0].records())
    found = combined.scores(records)
    panels = combined.draw(found).axes
    assert {panel.get_title() for panel in panels} == {"ProtoNet", "MAML", "Meta-Baseline"}
    values = {record.cell["method"]["label"]: record.evaluations for record in records}
    for panel in panels:
        [name] = [key for key, title in combined.NAMES.items() if title == panel.get_title()]
        for line, start in zip(panel.containers, STARTS, strict=True):
            [evaluation] = values[f"{name} from {start}"].values()
            assert line.get_label() == start
            assert line.lines[0].get_xdata().tolist() == [4]
            assert line.lines[0].get_ydata().tolist() == [100 * evaluation["metrics"]["accuracy"]["value"]]


def test_notes_name_starts_that_are_shared_and_those_that_learned_from_labels(table: Table) -> None:
    said = notes(table)
    both = ", ".join(f"{name} from supervised" for name in sorted(LEARNERS))
    assert f"{both} start from supervised on digits: their train s and samples and views seen count that, too." in said
    assert f"supervised on digits, from which {both} start, learned from labels." in said
    assert "protonet from simclr on digits, from which as it is starts, learned from labels." in said
    assert not any(line.startswith("simclr on digits, from which") for line in said)
    [shared] = [line for line in said if line.startswith("Trained once")]
    assert shared.endswith(": protonet from simclr on digits, simclr on digits, supervised on digits.")


def test_records_say_whether_batches_were_drawn_by_labels(ran: tuple[Store, Plan]) -> None:
    store, plan = ran
    labels = {
        cell.method.label: (read_json(store.cell(id_).training) or {})["labels"] for id_, cell in plan.cells.items()
    }
    without = {"simclr", "moco", "moco_v3", "as it is", *(f"cactus from {start}" for start in STARTS)}
    assert {label for label, used in labels.items() if not used} == without


def test_a_table_names_the_rows_that_learned_from_labels_themselves_or_by_their_start(table: Table) -> None:
    [line] = [each for each in notes(table) if each.startswith("Trained on labels: ")]
    trained, without = line.removeprefix("Trained on labels: ").removesuffix(".").split(". Without labels: ")
    assert without.split(", ") == ["cactus from simclr", "moco", "moco_v3", "simclr"]
    assert sorted(trained.split(", ")) == sorted(
        ["as it is", "cactus from supervised", "supervised"]
        + [f"{name} from {start}" for name in LEARNERS if name != "cactus" for start in STARTS]
    )


def test_records_of_before_views_and_chains_are_shown(ran: tuple[Store, Plan]) -> None:
    """The column of views is left out where no record has them; budgets are those of the cells."""
    old = []
    for record in ran[0].records():
        training = {key: each for key, each in (record.training or {}).items() if key not in ("views", "labels")}
        if "start" in training:
            start = {key: each for key, each in training["start"].items() if key not in ("views", "chain")}
            training["start"] = start
        old.append(type(record)(record.id, record.cell, training, record.evaluations, record.failure))
    [table] = build(old)
    grid = costs(table)
    assert "views seen" not in grid.headers
    assert {row[0].text: row[1].text for row in grid.rows}["protonet from simclr"] == "4 + 4 steps"
    assert not any("learned from labels" in line or "Trained on labels" in line for line in notes(table))


def test_a_start_on_other_data_is_named(harness: Harness, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text("""\
matrix:
  method: [idle, {use: classify, label: elsewhere, start: {method: idle, dataset: {use: blobs, per_class: 12}}}]
  backbone: [flat]
  dataset: [{use: blobs, label: here}]
budget: {steps: 2, batch_size: 8}
evaluators: {knn: {k: 5}}
""")
    said = " ".join(harness("run", suite).stdout.split())
    assert "idle on blobs (per_class=12), from which elsewhere starts, saw other data: whether with classes" in said
