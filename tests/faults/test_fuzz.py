"""Whatever a suite, a plan, a record or a data file holds: a result or one message, never a traceback or a hang.

HARNESS_FUZZ=10000 makes so many documents of each kind, others at each run, instead of the same few hundred.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from harness_datasets.decoding import read_picture
from harness_datasets.npz import read, splits_of
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from torch import nn

from harness import UsageError
from harness.base.slugs import default_results, slug
from harness.learning.weights import start_from
from harness.plugins.registry import registry
from harness.store.results_folder import read_record
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile, dump
from harness.suite.suite import load_suite
from harness.suite.weights import WeightsOptions, identify
from tests.conftest import SUITE
from tests.faults.making import arrays
from tests.faults.meeting import here

LONG = int(os.environ.get("HARNESS_FUZZ", "0"))
QUICK = 10.0  # seconds on a core for one document, which others do not lengthen; the usual one takes milliseconds
REFERENCE = Path(__file__).parent.parent.parent / "results" / "reference" / "quickstart" / "cells"

fuzz = settings(
    max_examples=LONG or 300,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

# Suites: a valid one with something else in its places, its text with something else in it, or anything at all.

VALID = yaml.safe_load(
    SUITE.replace(
        "idle]",
        "{use: classify, label: other, mode: slow, sizes: [3], budget: {epochs: 1},"
        " start: {method: idle, budget: {steps: 3}, dataset: blobs}}]",
    )
    + "  again: {use: nearest, split: train, data: {use: blobs, classes: 3}}\nmethods: {classify: {temperature: 2.0}}\n"
    + f"backbones: {{flat: {{weights: {{file: {__file__}, key: a.b, prefix: c., strict: false}}}}}}\n"
    + "exclude: [{method: other, seed: 1}]\ninclude: [{method: idle, seed: 5}]\nexecutor: {use: local}\n"
)
SEVERAL = {key: value for key, value in VALID.items() if key != "include"}
SEVERAL["matrix"] = [
    {**VALID["matrix"], "method": [*VALID["matrix"]["method"], "idle"]},
    {**VALID["matrix"], "method": ["classify"], "seed": [7]},
]
TROUBLE = (
    *("", "${name}", "${matrix.seed}", "${matrix}", "${oc.env:HOME}", "${oc.decode:'1'}", "${", "}", "${${name}}"),
    *("../../etc/passwd", "/", "..", "a/b", "~nobody/x", "C:\\x", "a:b", "CON", "name.", "\u202ename", "É", "E\u0301"),
    *("classify", "Classify", "idle", "npz", "image_folder", "os.system", "nearest", "local", "0", "-1", "1e3", "yes"),
    *("!!python/name:os.system", "*a", "&a", "<<", "x" * 300, "\x00", "\x1b[31m", "\ud800", "2020-01-01", "ﬁ", "???"),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 50),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.sampled_from(TROUBLE),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.dates(),
)
KEYS = (
    *VALID,
    *VALID["budget"],
    "use",
    "label",
    "path",
    "method",
    "start",
    "dataset",
    "seed",
    "temperature",
    "sizes",
    "split",
    "marker",
)
KEYS += ("weights", "file", "key", "prefix", "strict", "data", "optimizer")
keys = st.one_of(
    st.sampled_from(KEYS), st.sampled_from(TROUBLE), st.text(max_size=4), st.integers(-2, 2), st.booleans()
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(each, (*path, key))


@st.composite
def altered(draw: st.DrawFn) -> str:
    """The valid suite with other values, missing keys and further ones."""
    values = copy.deepcopy(draw(st.sampled_from((VALID, SEVERAL))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*places(values)] or [()]))
        if not path:
            break
        *way, last = path
        around: Any = values
        for key in way:
            around = around[key]
        match draw(st.sampled_from(("replace", "replace", "remove", "add", "nest"))):
            case "replace":
                around[last] = draw(anything)
            case "remove":
                del around[last]
            case "add" if isinstance(around, dict):
                around[draw(keys)] = draw(anything)
            case "add":
                around.insert(last, draw(anything))
            case "nest":
                for _ in range(draw(st.integers(1, 60))):
                    around[last] = draw(st.sampled_from(([around[last]], {"a": around[last]})))
    return yaml.safe_dump(
        values, allow_unicode=draw(st.booleans()), default_flow_style=draw(st.sampled_from((None, True)))
    )


FRAGMENTS = (
    *(
        "&a ",
        "*a ",
        "&a [*a]",
        "<<: *a\n",
        "? ",
        "- ",
        ": ",
        "\t",
        "\n",
        "\n  ",
        "${",
        "}",
        "[",
        "]",
        "{",
        "|",
        ">",
        "#",
    ),
    *('"', "'", "\x00", "\ufeff", "\n---\n", "\n...\n", "%YAML 9.9\n", "\\", "\x85", "\u2028", "é", "@", "`", "="),
    *("!!binary ", "!!set ", "!!omap ", "!!int ", "!!float ", "!!null ", "!!timestamp ", "!!merge ", "!!bool ", "!x "),
    *("#", "0x", "1_0", "9" * 400, ".inf", ".nan"),
)


@st.composite
def mistyped(draw: st.DrawFn) -> str:
    """The text of the valid suite with pieces put in or cut out."""
    text = draw(st.sampled_from((SUITE, yaml.safe_dump(VALID))))
    for _ in range(draw(st.integers(1, 5))):
        at, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 6))
        piece = draw(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)))
        text = text[:at] + piece + text[at + cut :]
    return text


@st.composite
def linked(draw: st.DrawFn) -> str:
    """Aliases and interpolations of each other, in the valid suite."""
    number = draw(st.integers(2, 14))
    mark = draw(st.sampled_from(("*a{}", "'${{a{}}}'", "'${{a{}}}${{a{}}}'", "{{<<: *a{}}}")))
    lines = []
    for i in range(number):
        others = [mark.replace("{}", str(draw(st.integers(0, max(0, i - draw(st.integers(-1, 2))))))) for _ in range(4)]
        texts = [each.replace("{{", "{").replace("}}", "}") for each in others]
        form = draw(st.sampled_from(("[{}]", "{{x: {}}}")))
        inner = ", ".join(texts) if form[0] == "[" else texts[0]
        lines.append(f"a{i}: &a{i} " + (inner and form.replace("{}", inner).replace("{{", "{").replace("}}", "}")))
    return "\n".join(lines) + "\n" + draw(st.sampled_from(("", SUITE)))


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


documents = st.one_of(
    altered().map(utf8),
    altered().map(utf8),
    mistyped().map(utf8),
    linked().map(utf8),
    anything.map(lambda value: utf8(yaml.safe_dump(value))),
    st.binary(max_size=200),
    st.tuples(st.sampled_from(("utf-8-sig", "utf-16", "latin-1", "utf-32")), st.text(max_size=20)).map(
        lambda each: (SUITE + each[1]).encode(each[0], "replace")
    ),
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in a folder, so that what is written beside it is seen."""
    room = tmp_path_factory.mktemp("around") / "a" / "b"
    room.mkdir(parents=True)
    return room


@fuzz
@given(document=documents)
def test_suites(document: bytes, room: Path) -> None:
    (room / "suite.yaml").write_bytes(document)
    before, started = sorted(room.parent.parent.rglob("*")), time.process_time()
    code, output, errors = here(["plan", "suite.yaml"], room)
    event(f"exit code {code}")
    assert code in (0, 2), errors
    assert (errors.startswith("harness: suite.yaml:") and len(errors) < 10_000) == (code == 2), errors
    assert "Traceback" not in output + errors
    assert time.process_time() - started < QUICK
    assert sorted(room.parent.parent.rglob("*")) == before
    if code == 0:
        name = load_suite(room / "suite.yaml", registry()).name
        assert (room / default_results(name)).resolve().parent == room / "results"


@fuzz
@given(name=st.one_of(st.text(min_size=1), st.sampled_from(TROUBLE), st.text("aAbB-1f/.:", min_size=1)), data=st.data())
def test_a_name_is_one_part_of_a_path_and_no_other_names(name: str, data: st.DataObject) -> None:
    if name in ("", "\ud800"):
        return
    part = slug(name)
    assert part == part.lower()
    assert part not in ("", ".", "..")
    assert part.isascii()
    assert not set(part) & set("/\\:. \x00")
    assert len(part) < 100
    for other in (name.upper(), name.lower(), name + " ", f"{name}x", part, data.draw(st.text(min_size=1))):
        assert (slug(other) == part) == (other == name)


# What the harness itself wrote, and something altered since.


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes cut, flipped, put in or doubled."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("cut", "flip", "insert", "drop", "double"))):
            case "cut":
                content = content[:at]
            case "flip" if at < len(content):
                content = content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
            case "insert":
                content = content[:at] + draw(st.one_of(st.binary(max_size=4), st.sampled_from(JSON))) + content[at:]
            case "drop":
                content = content[:at] + content[at + draw(st.integers(1, 40)) :]
            case "double":
                content = content[:at] + content
    return content


JSON = (b"null", b"{}", b"[]", b"NaN", b"1e999", b"-", b'"', b"\\ud800", b"\xff", b"9" * 5000, b"[" * 50_000, b"\x00")


@fuzz
@given(data=st.data())
def test_records(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cell = Path(shutil.copytree(data.draw(st.sampled_from(sorted(REFERENCE.iterdir()))), Path(folder) / "cell"))
        file = data.draw(st.sampled_from(sorted(cell.rglob("*.json"))))
        file.write_bytes(data.draw(damaged(file.read_bytes())))
        with contextlib.suppress(UsageError):
            read_record(str(cell))
            event("read")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("plan") / "suite.yaml"
    path.write_text(SUITE.replace("idle]", "{use: idle, start: {method: classify, budget: {steps: 3}}}]"))
    return dump(Plan.of(load_suite(path, registry())))


@fuzz
@given(data=st.data())
def test_plans(data: st.DataObject, plan: bytes, room: Path) -> None:
    path = room / "plan.jsonl"
    path.write_bytes(data.draw(damaged(plan)))
    with contextlib.suppress(UsageError):
        read_whole = PlanFile(path, registry())
        for id_ in read_whole.plan().cells:
            read_whole.cell(id_)
        event("read")
    path.unlink()


@fuzz
@given(data=st.data(), compressed=st.booleans())
def test_arrays(data: st.DataObject, compressed: bool, room: Path) -> None:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays())
    path = room / "mine.npz"
    path.write_bytes(data.draw(damaged(buffer.getvalue())))
    with contextlib.suppress(UsageError):
        splits_of(read(path), path)
        event("read")
    path.unlink()


@fuzz
@given(data=st.data(), kind=st.sampled_from(("zip", "pickle", "safetensors")))
def test_weights(data: st.DataObject, kind: str, room: Path) -> None:
    state = {f"module.{name}": torch.ones(2, 3)[: 2 if name == "weight" else 1] for name in ("weight", "bias")}
    buffer = io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, buffer, _use_new_zipfile_serialization=kind == "zip")
    path = room / "weights"
    path.write_bytes(data.draw(damaged(save(state) if kind == "safetensors" else buffer.getvalue())))
    with contextlib.suppress(UsageError):
        network = nn.Linear(3, 2)
        network.bias = nn.Parameter(torch.zeros(1, 3))
        start = identify(WeightsOptions(file=str(path)), path, "suite.yaml:1")
        start_from(network, start)
        event("read")
    path.unlink()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow tells of each damage that it can bear
@fuzz
@given(data=st.data(), kind=st.sampled_from(("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")))
def test_pictures(data: st.DataObject, kind: str, room: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(arrays()["train_images"][0]).convert("RGB").save(buffer, kind)
    path = room / "picture"
    path.write_bytes(data.draw(damaged(buffer.getvalue())))
    with contextlib.suppress(UsageError):
        assert read_picture(path, 8).shape == (8, 8, 3)
        event("read")
    path.unlink()


def test_the_documents_are_of_both_kinds() -> None:
    """A valid suite is among what is altered, or nothing would be tested but the parser."""
    assert json.loads(json.dumps([VALID, SEVERAL])) == [VALID, SEVERAL]
    for valid in (VALID, SEVERAL):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "suite.yaml").write_text(yaml.safe_dump(valid))
            assert here(["plan", "suite.yaml"], Path(folder))[0] == 0
