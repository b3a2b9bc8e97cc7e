"""How a leaderboard is written: markdown, HTML, CSV, terminal; stable, and safe whatever records hold."""

import csv
import io
import os
import random
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from rich.cells import cell_len

from harness.reporting.leaderboard import Format, View, render
from harness.reporting.leaderboard.markdown import escape
from harness.reporting.leaderboard.text import amount, clean, distinguish, half, natural
from harness.store.records import CellRecord
from tests.records import (
    component,
    hostile,
    metric,
    quickstart,
    record,
    seeds,
    terminal,
)

FORMATS: tuple[Format, ...] = ("markdown", "csv", "html")


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
    cells = re.findall(r"\d+\.\d ± \d+\.\d(?: \([\d-]+\))?", render(records).split("<details>")[0])
    assert len(cells) == 24
    for cell in cells:
        assert cell in table_part or cell.replace(" ± ", "±") in table_part


def test_the_quickstarts_scores_fit_one_table_of_80_columns() -> None:
    lines = terminal(quickstart(), 80).split("\n")
    assert [len(re.findall(r"±", line)) for line in lines if line.startswith("protonet")] == [4]


def test_terminal_wraps_headers_before_it_cuts_a_cost_or_breaks_a_label() -> None:
    long = {"suite_budget": None, "budget": {"steps": 60000}}
    records = seeds(component("protonet", "ProtoNet 1-shot"), [0.9], **long)
    (training,) = [each.training for each in records]
    assert training
    training |= {"seconds": 1051.0, "samples": 2160000, "peak_memory_mb": 1381.0}
    costs = View(costs=True)
    lines = terminal(records, 80, costs).split("\n")
    assert [line.split()[-1] for line in lines if line.startswith("ProtoNet 1-shot")] == ["1", "1,381"]
    assert "train s" in terminal(records, 120, costs)  # where there is room, nothing is wrapped


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
        "import sys, harness.reporting.leaderboard as l; from harness.store.records import CellRecord; l.render([]);"
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
