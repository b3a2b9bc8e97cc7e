"""What comes from outside runs nothing, and shows as what it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from markdown_it import MarkdownIt
from safetensors.torch import load_model, save_model

from harness import UsageError
from harness.learning.checkpoint import checkpoint_step, give_up, unchanged_by_failure
from harness.reporting.leaderboard import render
from harness.reporting.leaderboard.text import clean
from harness.suite.document import read
from harness.suite.interpolation import MOST_RESOLVED
from tests.conftest import SUITE
from tests.faults.making import Exploit
from tests.records import component, metric, record

ROOT = Path(__file__).parent.parent.parent
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "[x](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "<javascript:alert(1)>",
    "</details><iframe>",
    "`</code>` ``x`` **b** __i__ ~~s~~",
    "a | b || c",
    "&lt;script&gt; &#60;b&#62;",
    "<!-- --> <![CDATA[ ]]>",
    "# h 1. x - y > z",
    "\\<b> \\\\| \\`x`",
    "[x]: http://example.org\n[x]",
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "section", "div", "h1", "h2", "p", "ul", "li", "details"),
    *("summary", "table", "thead", "tbody", "tr", "th", "td", "strong"),
}


class Reader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_reports_show_labels_as_they_are(text: str) -> None:
    method, dataset = component("m", text, option=text), {**component("d", text), "fingerprint": text}
    records = [
        record(method, seed, {text: metric(0.5, unit=text, protocol=text)}, dataset=dataset, suite=text,
               failure={"status": text, "message": text})
        for seed in range(2)
    ]  # fmt: skip
    shown = " ".join(clean(text).split())
    page = Reader(render(records, "html"))
    github = Reader(MarkdownIt("commonmark", {"html": True}).enable("table").render(render(records, "markdown")))
    for reader in (page, github):
        assert reader.tags <= TAGS
        assert reader.attributes <= {"lang", "charset", "name", "content", "class", "scope", "style"}
        assert reader.text.count(shown) >= 5


def test_a_hostile_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "checkpoint.pt"
    torch.save({"step": Exploit()}, path)
    assert checkpoint_step(path) == 0
    assert not (tmp_path / "exploited").exists()
    assert not path.exists()
    assert path.with_name("checkpoint.pt.damaged-1").exists()
    assert "holds more than tensors" in capsys.readouterr().err
    torch.load(tmp_path / "checkpoint.pt.damaged-1", weights_only=False)  # which it would have done
    assert (tmp_path / "exploited").exists()


def test_a_model_of_another_shape_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    path, network = tmp_path / "model.safetensors", torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
    save_model(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 5)), str(path))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(RuntimeError), unchanged_by_failure(network):
        load_model(network, path)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_is_no_fault_of_the_file_sets_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(torch.OutOfMemoryError):
        give_up(path, torch.OutOfMemoryError())
    assert path.exists()


def test_nothing_unpickles_or_evaluates() -> None:
    sources = [*(ROOT / "harness").rglob("*.py"), *(ROOT / "plugins").glob("*/harness_*/**/*.py")]
    assert len(sources) > 80
    for source in sources:
        text = source.read_text(encoding="utf-8")
        assert not re.search(
            r"(\bpickle\.loads?|\byaml\.(unsafe_|full_)?load|(?<!\.)\beval|(?<!\.)\bexec|os\.system)\(", text
        ), source
        for call in re.findall(r"torch\.load\([^\n]*", text):
            assert "weights_only=True" in call, source
        for call in re.findall(r"np\.load\([^\n]*", text):
            assert "allow_pickle=False" in call, source


@pytest.mark.parametrize("encode", [lambda s: s.encode("utf-8-sig"), lambda s: s.replace("\n", "\r\n").encode()])
def test_a_byte_order_mark_and_other_line_ends_change_nothing(encode, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.yaml").write_text(SUITE)
    (tmp_path / "b.yaml").write_bytes(encode(SUITE))
    one, other = (read(tmp_path / name) for name in ("a.yaml", "b.yaml"))
    assert (one.values, one.lines) == (other.values, other.lines)


@pytest.mark.parametrize(
    "text",
    [
        "a: ${oc.env:HOME}",
        "a: x${oc.decode:1}y",
        "a: '${ oc.env : HOME }'",
        "n: oc.env\na: ${${n}:HOME}",
        "n: env\na: ${oc.${n}:HOME}",
        "a: [{b: '${oc.create:[1]}'}]",
        "a: ${oc.select:b}",
        "a: '${b:}'",
    ],
)
def test_no_resolver_is_reached(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"a\.yaml:\d: an interpolation is written .* not allowed"):
        read(tmp_path / "a.yaml")


def test_interpolations_name_values_by_their_whole_path(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("1: {x: [5, {y: z}]}\na: ${1.x[0]}\nb: '<${1.x.1.y}>'\nc: ${d}\nd: ${1}\n")
    values = read(tmp_path / "a.yaml").values
    one = {"x": [5, {"y": "z"}]}
    assert values == {"1": one, "a": 5, "b": "<z>", "c": one, "d": one}


def test_growth_is_counted_through_lists_and_text(tmp_path: Path) -> None:
    text = "a: [" + "x, " * 1000 + "x]\nb: [" + "'${a}', " * 100 + "]\n"
    (tmp_path / "a.yaml").write_text(text)
    assert len(read(tmp_path / "a.yaml").values["b"]) == 100
    (tmp_path / "a.yaml").write_text(text + "c: ['${b}', '${b}']\n")
    with pytest.raises(UsageError, match=rf"a\.yaml:3: .* more than {MOST_RESOLVED:,} values"):
        read(tmp_path / "a.yaml")
