"""`harness report`: one page, whatever the folder holds."""

from __future__ import annotations

import io
import json
import random
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.plugins.registry import registry
from harness.reporting.leaderboard.tables import build
from harness.reporting.page import render
from harness.reporting.page.again import suite
from harness.reporting.page.curves import read
from harness.reporting.page.features import projected
from harness.reporting.page.units import units
from harness.store.records import CellRecord
from harness.store.results_folder import npz
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests import pages
from tests.conftest import SUITE, Harness
from tests.records import component, evaluation, hostile, metric, record
from tests.test_inject import written

ROOT = Path(__file__).parent.parent


class Reader(HTMLParser):
    """Tags, ids, references and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in ("src", "onload", "onclick", "onerror"), name
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "clip-path"):
                self.refers.append(re.sub(r"^(?:url\()?#|\)$", "", value or ""))

    def handle_data(self, data: str) -> None:
        self.text += data


def small(methods: Sequence[str] = ("simclr", "protonet", "moco"), seeds: int = 2) -> list[CellRecord]:
    """Few-shot with 1 and 5 shots on one data set."""
    draw = random.Random(0)
    found = []
    for place, method in enumerate(methods):
        for seed in range(seeds):
            evaluations = {
                f"id{shots}": evaluation(
                    f"5-way {shots}-shot",
                    {"accuracy": metric(0.5 + place / 10 + shots / 50 + draw.gauss(0, 0.01), protocol="inductive")},
                    ways=5,
                    shots=shots,
                )
                for shots in (1, 5)
            }
            found.append(record(method, seed, evaluations=evaluations))
    return found


def beside(folder: Path, records: Sequence[CellRecord]) -> Path:
    """What a training and its evaluators leave beside the records."""
    arrays = np.random.default_rng(0)
    for each in records:
        cell = folder / "cells" / each.id
        (cell / "evaluations").mkdir(parents=True)
        lines = [json.dumps({"step": step, "steps": 400, "loss": 400 / step}) for step in range(1, 401, 4)]
        (cell / "steps.jsonl").write_text("\n".join(lines) + "\n")
        for key in each.evaluations:
            (cell / "evaluations" / f"{key}.npz").write_bytes(npz({"accuracy": arrays.uniform(0.2, 0.9, 50)}))
    return folder


FAILED = {
    "status": "oom",
    "message": "needs <b>9 GB</b>",
    "log": "cells/0123456789abcdef/attempts/001.log",
}  # as Outcome.as_json has it


def curves(page: str) -> list[str]:
    """The learning curves of a page, as SVG with its caption."""
    return [each for each in re.findall("<figure>.*?</figure>", page, re.DOTALL) if "Training loss of" in each]


def logged(folder: Path, cell: CellRecord, text: str) -> None:
    (folder / "cells" / cell.id).mkdir(parents=True, exist_ok=True)
    (folder / "cells" / cell.id / "steps.jsonl").write_text(text)


def test_a_run_that_was_stopped_is_no_failure(tmp_path: Path) -> None:
    stopped = {**FAILED, "status": "interrupted", "message": "its run was told to stop"}
    records = [*small(), record("maml", 0, training=False, failure=stopped)]
    page = render(records, beside(tmp_path, records))
    assert "What failed" not in page
    assert "Not run to the end: maml, seed 0" in Reader(page).text


def test_a_folder_with_everything(tmp_path: Path) -> None:
    records = [*small(), record("maml", 0, training=False, failure=FAILED)]
    page = render(records, beside(tmp_path, records))
    assert page.startswith("<!doctype html>")
    reader = Reader(page)
    for said in (
        "Leaderboard",
        "What failed",
        "needs <b>9 GB</b>",
        "cells/0123456789abcdef/attempts/001.log",
        "Scores against cost and shots",
        "5-way, by shots",
        "Training loss of simclr: mean of 2 seeds; the band is from the lowest to the highest.",
        "a mark for each of 2 seeds",
        "5-way 1-shot of single episodes, 100 for each row",
        "training (s)",
        "accuracy (%)",
        "training step",
        "harness run protonet.yaml",
        "torch 2.6.0",
    ):
        assert said in reader.text, said
    assert "attempts/cells" not in reader.text
    assert reader.tags.count("figure") == 2 + 1 + 4 + 2 + 2
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.refers
    assert set(reader.refers) <= set(reader.ids)
    assert reader.tags.count("script") == 1
    assert not re.search(r"https?:|url\((?!#)|@import|<link", page.replace("arXiv:", ""))
    shuffled = [CellRecord(r.id, r.cell, r.training, dict(reversed(r.evaluations.items())), r.failure) for r in records]
    assert render(shuffled[::-1], tmp_path) == page


def test_labels_and_messages_are_text(tmp_path: Path) -> None:
    records = [
        CellRecord(each.id, each.cell, each.training, {"id": dict(*each.evaluations.values())}, each.failure)
        for each in hostile()
    ]
    for number, label in enumerate(('"><img src=x onerror=alert(1)>', "$x^{$ </svg>")):
        records.append(record(component(f"m{number}", label), 0, {"knn": 0.5}))
    reader = Reader(render(records, beside(tmp_path, records)))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert reader.text.count("<script>alert(1)</script>") > 5
    assert "$x^{$ </svg>" in reader.text


def test_an_empty_folder_and_one_of_failures(tmp_path: Path) -> None:
    assert "No results yet." in render([], tmp_path)
    failed = [record(name, 0, training=False, failure=FAILED) for name in ("a", "b")]
    reader = Reader(render(failed, tmp_path))
    assert "figure" not in reader.tags
    assert reader.text.count("needs <b>9 GB</b>") == 2
    assert "2 oom" in reader.text


def test_one_method_one_seed_and_damaged_files(tmp_path: Path) -> None:
    records = small(["simclr"], 1)
    cell = tmp_path / "cells" / records[0].id
    (cell / "evaluations").mkdir(parents=True)
    (cell / "evaluations" / "id1.npz").write_bytes(b"PK no zip")
    (cell / "evaluations" / "id5.npz").write_bytes(npz({"accuracy": np.array([[0.5]])}))
    (cell / "steps.jsonl").write_bytes(b'{"step": 1, "loss": 2.0}\n{"step": 3, "loss": NaN}\n[]\n\xff\n{"step": 2, "lo')
    page = render(records, tmp_path)
    reader = Reader(page)
    assert "Training loss of simclr: 1 seed." in reader.text
    assert reader.tags.count("figure") == 2  # the curve, and the score by shots
    assert len(re.findall(r"<use [^>]*--series-0", curves(page)[0])) == 1  # one step is a mark, as it makes no line
    assert read(cell / "steps.jsonl") == {"loss": [(1, 2.0)]}
    assert units(cell / "evaluations" / "id1.npz", "accuracy") is None


@pytest.mark.parametrize("number", [float("inf"), float("nan"), None])
def test_a_family_of_shots_without_a_finite_score_is_no_picture(number: float | None, tmp_path: Path) -> None:
    records = small(["simclr"])
    for each in records:
        for evaluation_ in each.evaluations.values():
            evaluation_["metrics"]["accuracy"]["value"] = number
    reader = Reader(render(records, tmp_path))
    assert "By shots" not in reader.text
    assert "figure" not in reader.tags


def by_episode(method: str, numbers: Sequence[int], seeds: int = 3) -> list[CellRecord]:
    """The return of each episode, which is no percentage."""
    return [
        record(
            method,
            seed,
            evaluations={
                "id": evaluation(
                    "return",
                    {
                        f"episode {number}": {**metric(-20.0 + number + seed / 10, protocol="p"), "shown": "plain"}
                        for number in numbers
                    },
                )
            },
        )
        for seed in range(seeds)
    ]


def test_numbered_scores_of_one_evaluator_are_a_line_per_method(tmp_path: Path) -> None:
    records = [*by_episode("pearl", (1, 2, 3, 10)), *by_episode("sac", (1, 2, 3, 10))]
    page = render(records, tmp_path)
    [figure] = [each for each in re.findall("<figure>.*?</figure>", page, re.DOTALL) if "return by episode" in each]
    assert "means over 3 seeds; bars are 95 % t-intervals over seeds" in figure
    assert "(%)" not in figure
    for method in ("pearl", "sac"):
        assert method in figure
    few = render(by_episode("pearl", (1, 2)), tmp_path)
    assert "return by episode" not in few


def test_infinite_scores_of_two_methods(tmp_path: Path) -> None:
    records = small(["simclr", "moco", "maml"], 3)
    for each, number in zip(records, (float("inf"), 0.5, 0.5, 0.5, float("inf"), 0.5), strict=False):
        each.evaluations["id1"]["metrics"]["accuracy"]["value"] = number
    assert "5-way, by shots" in Reader(render(records, tmp_path)).text


def test_numbers_that_no_axis_holds_and_lines_that_no_parser_does(tmp_path: Path) -> None:
    records = small(["simclr"], 1)
    odd = [
        '{"step": 1, "loss": 2.0}',
        '{"step": 2, "loss": 1' + "0" * 400 + "}",
        '{"step": 1' + "0" * 400 + ', "loss": 1.0}',
        '{"step": 3, "loss": 1.7e308}',
        '{"step": 3, "loss": -1.7e308}',
        "[" * 100_000,
        '{"step": 4, "loss": 1.5}',
    ]
    logged(tmp_path, records[0], "\n".join(odd))
    assert read(tmp_path / "cells" / records[0].id / "steps.jsonl") == {"loss": [(1, 2.0), (4, 1.5)]}
    assert len(curves(render(records, tmp_path))) == 1


def test_odd_units_options_and_scripts(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    records = small(["simclr", "\u65b9\u6cd5"])
    for each in records:
        for evaluation_ in each.evaluations.values():
            evaluation_["metrics"]["accuracy"]["unit"] = "epi\x00\x1bsode"
            evaluation_["evaluator"]["options"]["n\x00"] = 1
    text = Reader(render(records, beside(tmp_path, records))).text
    assert "5-way 1-shot of single epi sodes" in text
    assert "n =1" in text
    assert "\u65b9\u6cd5" in text
    assert not [str(each.message) for each in recwarn]


def test_per_unit_values_run_no_pickle(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("accuracy.npy", buffer.getvalue())
    assert units(tmp_path / "x.npz", "accuracy") is None


@pytest.mark.parametrize("file", ["benchmarks.yaml", "benchmarks/omniglot.yaml", "benchmarks/domains.yaml"])
def test_the_suite_of_a_row_has_the_same_cells(file: str, tmp_path: Path) -> None:
    plan = Plan.of(load_suite(ROOT / file, registry()))
    records = []
    for id_, cell in plan.cells.items():
        evaluations = {
            key: {
                "label": each.label,
                "evaluator": each.as_json(),
                "seconds": 1.0,
                "metrics": {"accuracy": metric(0.5)},
            }
            for key, each in plan.evaluators_of(cell).items()
        }
        records.append(CellRecord(id_, json.loads(json.dumps(cell.as_json())), None, evaluations, None))
    again: set[str] = set()
    for table in build(records):
        for row in table.rows:
            path = tmp_path / "again.yaml"
            path.write_text(suite(table, row), encoding="utf-8")
            made = Plan.of(load_suite(path, registry()))
            again |= set(made.cells)
            assert set(made.evaluators) == {key for cell in row.cells for key in cell.evaluations}
    assert again == set(plan.cells)


def test_what_it_needs_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"needs matplotlib, .* pip install 'rep-harness\[report\]'"):
        render(small(), tmp_path)


def test_it_imports_no_torch() -> None:
    use = "import sys, pathlib, harness.reporting.page as r; r.render([], pathlib.Path('.'))"
    code = f"{use}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_commands_of_the_page(harness: Harness, tmp_path: Path) -> None:
    [block] = pages.blocks("report.md", "bash")
    lines = [shlex.split(line.split("#")[0]) for line in block.splitlines()]
    assert [line[0] for line in lines] == ["pip", "harness", "harness", "harness"]
    written(tmp_path / "results" / "quickstart")
    for line in lines[1:]:
        harness(*line[1:])
    for name in ("results/quickstart/report.html", "quickstart.html"):
        assert "protonet" in (tmp_path / name).read_text()
    assert (
        "No features of protonet: the folder has no trained model of it."
        in (tmp_path / "results/quickstart/report.html").read_text()
    )


def test_a_folder_that_is_not_there_and_one_without_results(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "results" / "mine" / "cells").mkdir(parents=True)
    assert harness("report").stdout == "Report: results/mine/report.html\n"
    assert "No results yet." in (tmp_path / "results" / "mine" / "report.html").read_text()
    assert "nowhere: there is no such folder." in harness("report", "nowhere", code=2).stderr


def test_features_of_trained_models(harness: Harness, suite: Callable[[str], Path], tmp_path: Path) -> None:
    """Whose data are a file, by a path from where the commands run."""
    (tmp_path / "marker").write_text("here")
    text = SUITE.replace("classify, idle", "classify").replace("[0, 1]", "[0]").replace("30", "2")
    harness("run", suite(text.replace("[blobs]", "[{use: blobs, marker: marker}]")).name)
    harness("report", "--features")
    reader = Reader((tmp_path / "results" / "toy" / "report.html").read_text())
    assert re.search(r"Features of \d+ test samples of classify, seed 0", reader.text)
    assert "No features of" not in reader.text


def test_two_dimensions_keep_what_lies_in_a_plane() -> None:
    features = torch.tensor([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [5.0, 5.0, 0.0], [0.0, 1.0, 0.0]])
    points, share = projected(features)
    assert share == pytest.approx(1.0)
    unit = torch.nn.functional.normalize(features, dim=1)
    assert torch.allclose(torch.cdist(points, points).float(), torch.cdist(unit, unit), atol=1e-5)
    assert projected(torch.ones(3, 4))[1] == 1.0
