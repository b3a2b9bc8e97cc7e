import csv
import hashlib
import io
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.leaderboard import Format, render, show
from harness.leaderboard.markdown import escape
from harness.leaderboard.notes import failures, notes
from harness.leaderboard.provenance import provenance
from harness.leaderboard.tables import build
from harness.leaderboard.text import amount, clean, distinguish, half, natural
from harness.records import CellRecord

FORMATS: tuple[Format, ...] = ("markdown", "csv", "html")
MACHINE = {
    "harness": "0.1.0",
    "commit": "abc1234",
    "python": "3.11.9",
    "torch": "2.6.0",
    "device": "cpu",
    "cpu": "Some CPU",
    "cores": 2,
    "threads": 1,
    "platform": "Linux",
    "started": "2025-01-01T00:00:00Z",
}
BUDGET = {"steps": 400, "batch_size": 128}


def component(name: str, label: str | None = None, **options: Any) -> dict[str, Any]:
    distribution = f"rep-harness-{name}"
    return {
        "name": name,
        "label": label or name,
        "options": options,
        "distribution": distribution,
        "version": "0.1.0",
    }


def metric(value: float | None, **changes: Any) -> dict[str, Any]:
    return {
        "value": value,
        "half_width": 0.004,
        "n": 2000,
        "unit": "episode",
        "higher_is_better": True,
        "protocol": "",
    } | changes


def evaluation(label: str, metrics: dict[str, dict[str, Any]], seconds: float = 1.0, **options: Any) -> dict[str, Any]:
    evaluator = {key: each for key, each in component("knn", **options).items() if key != "label"}
    return {"label": label, "evaluator": evaluator, "seconds": seconds, "metrics": metrics, "provenance": MACHINE}


def record(
    method: str | dict[str, Any] = "simclr",
    seed: int = 0,
    scores: dict[str, Any] | None = None,
    *,
    evaluations: dict[str, Any] | None = None,
    training: bool = True,
    failure: dict[str, Any] | None = None,
    machine: dict[str, Any] | None = None,
    **cell: Any,
) -> CellRecord:
    """`scores`: by evaluator's label (and id) an accuracy, or a metric."""
    if evaluations is None:
        evaluations = {
            label: evaluation(label, {"accuracy": value if isinstance(value, dict) else metric(value)})
            for label, value in (scores or {}).items()
        }
    method = component(method) if isinstance(method, str) else method
    whole = {
        "suite": "quickstart",
        "seed": seed,
        "method": method,
        "backbone": component("conv4"),
        "dataset": {**component("glyphs"), "fingerprint": "f" * 64},
        "budget": {**BUDGET, "lr": 0.1},
        "suite_budget": BUDGET,
    } | cell
    trained = {
        "seconds": 10.0 + seed,
        "steps": 400,
        "images": 51200,
        "images_per_second": 4100.0,
        "peak_memory_mb": 512.0,
        "metrics": {"loss": 1.2},
        "provenance": MACHINE | (machine or {}),
    }
    return CellRecord(
        hashlib.sha256(str(whole).encode()).hexdigest(), whole, trained if training else None, evaluations, failure
    )


def seeds(
    method: str | dict[str, Any], values: Iterable[float], label: str = "knn", **changes: Any
) -> list[CellRecord]:
    return [record(method, seed, {label: value}, **changes) for seed, value in enumerate(values)]


def quickstart() -> list[CellRecord]:
    """6 methods by 4 evaluators and 3 seeds, the size of the quickstart suite."""
    draw = random.Random(0)
    levels = {"simclr": 0.75, "moco": 0.74, "maml": 0.9, "protonet": 0.95, "supervised": 0.93, "untrained": 0.41}
    offsets = {"5-way 1-shot": 0.0, "5-way 5-shot": 0.03, "knn": -0.1, "linear": -0.05}
    found = []
    for method, level in levels.items():
        for seed in range(3):
            scores = {label: metric(level + offset + draw.gauss(0, 0.004)) for label, offset in offsets.items()}
            for label in ("knn", "linear"):
                scores[label] |= {"unit": "image", "n": 3000, "half_width": 0.012}
            if method == "maml":
                scores["5-way 1-shot"]["protocol"] = scores["5-way 5-shot"]["protocol"] = "transductive BN"
            else:
                scores["5-way 1-shot"]["protocol"] = scores["5-way 5-shot"]["protocol"] = "inductive"
            found.append(record(method, seed, scores))
    return found


def terminal(records: list[CellRecord], width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show(records, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_mean_and_interval_over_seeds_in_percent() -> None:
    # (89, 90, 91): mean 90, s 1, t(2) = 4.303, so 4.303 / sqrt(3) = 2.48; the half width of 2000 episodes stays apart
    markdown = render([*seeds("simclr", [0.89, 0.90, 0.91]), *seeds("untrained", [0.4, 0.4, 0.4])])
    assert "**90.0 ± 2.5 (1)**" in markdown
    assert " 40.0 ± 0.0 (2) " in markdown
    assert "A seed's score is itself a mean: knn over 2,000 episodes (± 0.4)." in markdown
    assert "± is over 3 seeds" in markdown


def test_ranks_share_a_place_where_intervals_overlap_and_sort_the_rows() -> None:
    (table,) = build(
        [
            *seeds("a", [0.50, 0.51, 0.52]),
            *seeds("b", [0.90, 0.91, 0.92]),
            *seeds("c", [0.91, 0.92, 0.93]),
        ]
    )
    assert [(row.label, row.ranks) for row in table.rows] == [("b", [1]), ("c", [1]), ("a", [3])]


def test_lower_can_be_better() -> None:
    records = [
        record(name, seed, {"error": metric(value + seed / 1000, higher_is_better=False)})
        for name, value in (("good", 0.1), ("bad", 0.5))
        for seed in range(3)
    ]
    (table,) = build(records)
    assert [(row.label, row.ranks) for row in table.rows] == [("good", [1]), ("bad", [2])]
    assert "error ↓" in render(records)
    assert "↓ lower is better." in notes(table)


def test_one_seed_has_neither_interval_nor_rank() -> None:
    records = [record("simclr", 0, {"knn": 0.9}), record("untrained", 0, {"knn": 0.4})]
    markdown = render(records)
    assert re.search(r"\| simclr +\| +90\.0 \|", markdown)
    assert "One seed only, hence no interval and no rank: all methods." in markdown
    assert "**" not in markdown


def test_a_missing_seed_is_marked() -> None:
    (table,) = build(records := [*seeds("a", [0.5, 0.6, 0.7]), *seeds("b", [0.5, 0.6])])
    assert "2/3" in render(records)
    assert "Not run to the end: b, seed 2." in notes(table)


def test_a_score_of_fewer_seeds_than_its_row_is_marked() -> None:
    records = [record("a", seed, {"knn": 0.5 + seed / 100, "linear": 0.6}) for seed in range(2)]
    records.append(record("a", 2, {"knn": 0.5}))
    assert " 60.0 ± 0.0 n=2 " in render(records)


def test_a_failed_cell_is_listed_and_the_rest_counts() -> None:
    failed = record("a", 2, training=False, failure={"status": "killed", "message": "out of\nmemory | 9 GB"})
    records = [*seeds("a", [0.5, 0.6]), failed]
    (table,) = build(records)
    assert failures(table) == ["a, seed 2: killed. out of memory | 9 GB"]
    assert table.rows[0].seeds == 2
    assert "- a, seed 2: killed. out of memory \\| 9 GB" in render(records)
    assert "killed" in render(records, "html")
    assert "Failed: a, seed 2: killed." in terminal(records, 80)


def test_a_method_that_only_failed_has_a_row() -> None:
    only = record("a", training=False, failure={"status": "failed", "message": ""})
    (table,) = build([only])
    assert (table.columns, table.rows[0].label, table.rows[0].seeds) == ((), "a", 0)
    for each in FORMATS:
        assert "a" in render([only], each)
    assert "no message" in terminal([only], 80)


def test_a_diverged_score_is_not_ranked() -> None:
    records = [
        *seeds("a", [0.5, 0.51, 0.52]),
        *seeds("c", [0.5, 0.51, 0.52]),
        *(record("b", seed, {"knn": metric(None)}) for seed in range(3)),
    ]
    (table,) = build(records)
    assert [(row.label, row.ranks) for row in table.rows] == [("a", [1]), ("c", [1]), ("b", [])]
    assert "nan" in render(records)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": {**component("glyphs", size=14), "fingerprint": "f" * 64}},
        {"dataset": {**component("glyphs"), "fingerprint": "e" * 64}},
        {"dataset": {**component("glyphs"), "fingerprint": "f" * 64, "version": "0.2.0"}},
        {"backbone": component("conv4", hidden=32)},
        {"backbone": component("conv4") | {"version": "0.2.0"}},
        {"suite_budget": {"steps": 800}},
    ],
)
def test_what_is_not_comparable_shares_no_table(change: dict[str, Any]) -> None:
    tables = build([*seeds("a", [0.5, 0.6]), *seeds("b", [0.5, 0.6], **change)])
    assert [len(table.rows) for table in tables] == [1, 1]
    assert len({table.title for table in tables}) == 2
    assert any(table.title.startswith("glyphs · conv4 (") for table in tables)


def test_suites_with_the_same_budget_share_a_table() -> None:
    (table,) = build([*seeds("a", [0.5, 0.6]), *seeds("b", [0.5, 0.6], suite="mine")])
    assert "Suite: mine, quickstart" in provenance(table)


def test_where_things_lie_parts_nothing() -> None:
    def pictures(path: str, where: str) -> dict[str, Any]:
        whole = component("npz", path=path, size=28)
        return {**whole, "fingerprint": "f" * 64, "decides": ["size"], "where": where}

    here = seeds(component("a") | {"where": "one.yaml:3"}, [0.5], dataset=pictures("/here", "one.yaml:7"))
    there = record(component("a") | {"where": "b.yaml:4"}, 1, {"knn": 0.6}, dataset=pictures("/there", "b.yaml:9"))
    (table,) = build([*here, there])
    assert [len(row.cells) for row in table.rows] == [2]
    assert "Dataset: npz (fingerprint=fffffffffffffff…, size=28)" in provenance(table)  # and no one's path


def test_same_label_with_other_options_is_another_method() -> None:
    (table,) = build(
        [
            *seeds(component("simclr", temperature=0.1, width=128), [0.5, 0.6]),
            *seeds(component("simclr", temperature=0.5, width=128), [0.5, 0.6]),
        ]
    )
    assert [row.label for row in table.rows] == ["simclr (temperature=0.1)", "simclr (temperature=0.5)"]
    (table,) = build([*seeds("a", [0.5, 0.6]), *seeds("a", [0.5, 0.6], budget={**BUDGET, "lr": 0.2})])
    assert [row.label for row in table.rows] == ["a (lr=0.1)", "a (lr=0.2)"]


def test_same_label_with_other_options_is_another_evaluator() -> None:
    records = [
        record(name, seed, evaluations={f"id{k}": evaluation("knn", {"accuracy": metric(0.5)}, k=k)})
        for name, k in (("a", 20), ("b", 200))
        for seed in range(2)
    ]
    (table,) = build(records)
    assert [column.title for column in table.columns] == ["knn (k=20)", "knn (k=200)"]
    assert [[score is None for score in row.scores] for row in table.rows] == [[False, True], [True, False]]


def test_several_metrics_of_an_evaluator_are_columns() -> None:
    both = evaluation("knn", {"accuracy": metric(0.5), "top5 accuracy": metric(0.9), "loss": metric(1.23456)})
    (table,) = build(records := [record("a", evaluations={"id": both})])
    assert [column.title for column in table.columns] == ["knn accuracy", "knn loss", "knn top5 accuracy"]
    assert re.search(r"\| +50\.0 \| +1\.235 \| +90\.0 \|", render(records))


def test_another_protocol_is_shown_with_a_mark_but_not_ranked() -> None:
    (table,) = build(records := quickstart())
    maml = next(row for row in table.rows if row.label == "maml")
    assert [score.rank is None for score in maml.scores if score] == [True, True, False, False]
    protonet = next(row for row in table.rows if row.label == "protonet")
    assert protonet.ranks[0] == 1
    markdown = render(records)
    assert len(re.findall(r"\d †", markdown)) == 2
    assert "† transductive BN: not comparable with the column's protocol (inductive), so not ranked." in notes(table)
    assert "Mean rank over fewer columns: maml (2 of 4)." in notes(table)


def test_protocols_of_equal_number_are_ranked_by_the_first_name() -> None:
    levels = {"a": (0.5, "inductive"), "b": (0.6, "inductive"), "c": (0.9, "transductive"), "d": (0.8, "transductive")}
    records = [
        record(name, seed, {"knn": metric(value + seed / 1000, protocol=protocol)})
        for name, (value, protocol) in levels.items()
        for seed in range(2)
    ]
    (table,) = build(records)
    assert [(row.label, row.ranks) for row in table.rows] == [("b", [1]), ("a", [2]), ("c", []), ("d", [])]


def test_who_is_alone_has_no_rank() -> None:
    assert "**" not in render(seeds("a", [0.5, 0.6]))


def test_mixed_versions_and_hardware_are_told() -> None:
    one = seeds("a", [0.5, 0.6])
    other = seeds("b", [0.5, 0.6], machine={"torch": "2.7.0", "device": "Some GPU"})
    (table,) = build(one + other)
    (told,) = [line for line in notes(table) if "differ" in line]
    assert told.startswith("Cells of this table differ in torch, device: costs are not comparable")
    assert any("torch 2.6.0, 2.7.0" in line for line in provenance(table))
    assert sum(line.startswith("Hardware: ") for line in provenance(table)) == 2
    (alike,) = build(one)
    assert not [line for line in notes(alike) if "differ" in line]


def test_costs_are_means_and_evaluation_is_the_sum_of_all_evaluators() -> None:
    def cell(seed: int, labels: str) -> CellRecord:
        evaluations = {each: evaluation(each, {"accuracy": metric(0.5)}, seconds=1.5) for each in labels}
        return record("a", seed, evaluations=evaluations)

    markdown = render([cell(0, "xy"), cell(1, "xy"), cell(2, "x")])  # the third has done less work
    row = [each.strip() for each in next(line for line in markdown.split("\n") if "51,200" in line).split("|")]
    assert row[1:-1] == ["a", "400 steps", "11.0", "3.00", "4,100", "51,200", "512"]
    untrained = render([record("untrained", 0, {"knn": 0.4}, training=False)])
    assert re.search(r"\| untrained +\| +– \| +– \| +1.00 \| +– \| +– \| +– \|", untrained)


def test_of_one_seed_twice_the_later_counts() -> None:
    early, late = record("a", 0, {"knn": 0.5}), record("a", 0, {"knn": 0.7}, machine={"started": "2025-02-01"})
    early = CellRecord("z", early.cell, early.training, early.evaluations, None)
    (table,) = build([late, early])
    assert [len(row.cells) for row in table.rows] == [1]
    assert table.rows[0].scores[0] is not None
    assert table.rows[0].scores[0].interval.mean == 0.7
    assert "1 earlier records of the same method and seed are left out." in notes(table)


def test_provenance_names_what_it_must() -> None:
    (table,) = build(quickstart())
    text = "\n".join(provenance(table))
    for expected in (
        "Suite: quickstart",
        "Budget for all: batch_size=128, steps=400",
        "fingerprint=fffffffffffffff…",
        "Method maml: maml; budget lr=0.1",
        "harness 0.1.0",
        "commit abc1234",
        "torch 2.6.0",
        "python 3.11.9",
        "rep-harness-maml 0.1.0",
        "Hardware: cpu, Some CPU, 2 cores, 1 thread, Linux",
    ):
        assert expected in text


@pytest.mark.parametrize("output", FORMATS)
def test_same_records_same_bytes(output: Format) -> None:
    records = quickstart()
    first = render(records, output)
    for seed in range(3):
        shuffled = list(records)
        random.Random(seed).shuffle(shuffled)
        shuffled = [
            CellRecord(each.id, each.cell, each.training, dict(reversed(list(each.evaluations.items()))), each.failure)
            for each in shuffled
        ]
        assert render(shuffled, output) == first


def test_same_bytes_in_another_process() -> None:
    """Nothing depends on the hash seed."""
    code = (
        "import importlib.util, sys;"
        "spec = importlib.util.spec_from_file_location('records_of_test', sys.argv[1]);"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module);"
        "sys.stdout.reconfigure(encoding='utf-8');"
        "sys.stdout.write(''.join(module.render(module.quickstart(), each) for each in module.FORMATS))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, __file__],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


HOSTILE = "a|b\n<script>alert(1)</script> **x** [y](z) `c` $d$ \x1b[31m _e_ &amp; " + "long " * 100


class Reader(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload"}

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> list[CellRecord]:
    failed = {"status": HOSTILE, "message": HOSTILE}
    method = component("m", HOSTILE, option=HOSTILE)
    dataset = {**component("d", HOSTILE), "fingerprint": HOSTILE}
    scored = {HOSTILE: metric(0.5, unit=HOSTILE, protocol=HOSTILE)}
    return [record(method, seed, scored, dataset=dataset, failure=failed, suite=HOSTILE) for seed in range(2)]


def test_markdown_escapes() -> None:
    markdown = render(hostile())
    assert "<script" not in markdown
    assert "\x1b" not in markdown
    rows = [line for line in markdown.split("\n") if line.startswith("|")]
    assert len(rows) == 6  # two tables of a header, a rule and a row: no newline got in
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows[:3]} == {5}
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows[3:]} == {8}
    assert escape("5-way 1-shot conv4_64 _a_ *b*") == r"5-way 1-shot conv4_64 \_a\_ \*b\*"


def test_html_escapes_and_needs_no_network() -> None:
    page = render(hostile(), "html")
    reader = Reader(page)
    assert "script" not in reader.tags
    assert "<script>alert(1)</script>" in reader.text
    assert not re.search(r"https?:|url\(|@import", page)


def test_terminal_takes_labels_literally() -> None:
    markup = component("m", "[bold]x[/bold] \x1b[31m")
    shown = terminal([record(markup, seed, {"knn": 0.5}) for seed in range(2)], 80)
    assert "[bold]x[/bold]" in shown
    assert "\x1b" not in shown
    assert all(cell_len(line) <= 80 for line in terminal(hostile(), 80).split("\n"))


def test_csv_has_a_line_per_cell_and_metric() -> None:
    records = [*quickstart(), record("moco", 9, training=False, failure={"status": "failed", "message": 'a "b", c'})]
    lines = list(csv.DictReader(io.StringIO(render(records, "csv"))))
    assert len(lines) == 6 * 3 * 4 + 1
    values = {
        (cell.cell["method"]["label"], str(cell.cell["seed"]), label): each["metrics"]["accuracy"]["value"]
        for cell in records
        for label, each in cell.evaluations.items()
    }
    scored = [line for line in lines if line["evaluator"]]
    assert {(line["method"], line["seed"], line["evaluator"]): float(line["value"]) for line in scored} == values
    assert {line["comparable"] for line in lines} == {lines[0]["comparable"]}
    (failed,) = [line for line in lines if not line["evaluator"]]
    assert (failed["status"], failed["message"], failed["method"]) == ("failed", 'a "b", c', "moco")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_terminal_cuts_no_number(width: int) -> None:
    records = quickstart()
    shown = terminal(records, width)
    assert all(cell_len(line) <= width for line in shown.split("\n"))
    table_part = shown.split("How to read")[0]
    assert "…" not in table_part
    for cell in re.findall(r"\d+\.\d ± \d+\.\d(?: \(\d\))?", render(records)):
        assert cell in table_part


def test_the_quickstarts_scores_fit_one_table_of_80_columns() -> None:
    lines = terminal(quickstart(), 80).split("\n")
    assert [len(re.findall(r" ± ", line)) for line in lines if line.startswith("protonet")] == [4, 0]


def test_terminal_wraps_headers_before_it_cuts_a_cost_or_breaks_a_label() -> None:
    long = {"suite_budget": None, "budget": {"steps": 60000}}
    records = seeds(component("protonet", "ProtoNet 1-shot"), [0.9], **long)
    (training,) = [each.training for each in records]
    assert training
    training |= {"seconds": 1051.0, "images": 2160000, "peak_memory_mb": 1381.0}
    lines = terminal(records, 80).split("\n")
    assert [line.split()[-1] for line in lines if line.startswith("ProtoNet 1-shot")] == ["1", "1,381"]
    assert "train s" in terminal(records, 120)  # where there is room, nothing is wrapped


def test_half_widths_are_not_rounded_to_nothing() -> None:
    assert [half(each, percent=True) for each in (0.0123, 0.0005, 0.0004, 0.0)] == ["1.2", "0.1", "0.04", "0.0"]
    assert "(± 0.04)" in render([record(scores={"knn": metric(0.9, half_width=0.0004)})])


def test_no_records() -> None:
    for each in FORMATS:
        assert render([], each)
    assert "No results yet." in render([])
    assert "No results yet." in terminal([], 80)


def test_importing_brings_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, harness.leaderboard as l; from harness.records import CellRecord; l.render([]);"
        "sys.exit(bool({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_words() -> None:
    assert sorted(["20-way", "knn", "5-way", "Knn"], key=natural) == ["5-way", "20-way", "Knn", "knn"]
    assert sorted(["7fb", "a1", "a", ""], key=natural) == ["", "7fb", "a", "a1"]  # commits, some of them unknown
    assert [amount(x) for x in (0, 1.234, 12.34, 1234.5, 51200, 0.004)] == [
        "0",
        "1.23",
        "12.3",
        "1,234",
        "51,200",
        "0.00",
    ]
    assert clean(" a\tb\n\u202ec ") == "a b c"
    assert clean("x" * 50, 10) == "xxxxxxxxx…"
    assert distinguish(["a", "a", "b"], [{"x": {"y": 1}}, {"x": {"y": 2}}, {}]) == ["a (y=1)", "a (y=2)", "b"]
    assert distinguish(["a", "a"], [{}, {}]) == ["a", "a #2"]
