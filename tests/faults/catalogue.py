"""Faults that a user can meet, each triggered for real through the command line, and what is then said.

tests/faults/test_messages.py asserts it; docs/faults.py writes docs/faults.md from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from harness.cli import main
from tests.conftest import SUITE, install

ONE = SUITE.replace("classify, idle", "idle").replace("[0, 1]", "[0]")  # one cell, which trains nothing


@dataclass(frozen=True)
class Fault:
    """`prepare` puts into a folder what `arguments` then meet; `says`: a part of the message; `code`: the exit code."""

    title: str
    says: str
    prepare: Callable[[Path], object]
    arguments: tuple[str, ...] = ("plan", "suite.yaml")
    code: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    limit: Callable[[], None] | None = None  # run in the new process before the command
    alone: bool = False  # in a process of its own, as it changes what this one has loaded


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str
    message: str


def meet(fault: Fault, folder: Path) -> Outcome:
    """Trigger a fault in `folder`. The message is what standard error says, or else the lines that hold `says`."""
    fault.prepare(folder)
    arguments = [each.replace("FOLDER", str(folder)) for each in fault.arguments]
    env = {name: value.replace("FOLDER", str(folder)) for name, value in fault.env.items()}
    if fault.alone or fault.limit or env:
        code, output, errors = elsewhere(arguments, folder, env, fault.limit)
    else:
        code, output, errors = here(arguments, folder)
    logs = [path.read_text(errors="replace") for path in sorted(folder.glob("results/cells/*/attempts/*.log"))]
    everything = "\n".join([errors, output, *logs])
    lines = errors.strip().splitlines() if code == 2 else []
    lines = lines or [line.strip() for line in everything.splitlines() if fault.says in line]
    return Outcome(code, everything, shortened("\n".join(dict.fromkeys(lines)), folder))


def shortened(text: str, folder: Path) -> str:
    """Without what differs from run to run, or from one set of plugins to another: folders, ids, all known names."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".").removeprefix("harness: ")
    text = re.sub(r" Known: [^\n]*", " Known: ...", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "ID", text)


def here(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    """In this process, whose fork server has torch loaded from one fault to the next."""
    output, errors, before = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(folder),
        mock.patch.object(sys, "argv", ["harness", *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            signal.signal(signal.SIGTERM, before)
    return code, output.getvalue(), errors.getvalue()


def elsewhere(
    arguments: list[str], folder: Path, env: Mapping[str, str], limit: Callable[[], None] | None
) -> tuple[int, str, str]:
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])  # where plugins may have been put
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": path, **env},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


# What is put into the folder.


def suite(old: str = "", new: str = "", base: str = SUITE) -> Callable[[Path], object]:
    """The toy suite with `new` in place of `old`."""
    assert old in base, old
    return lambda folder: (folder / "suite.yaml").write_text(base.replace(old, new, 1) if old else new or base)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "suite.yaml").write_bytes(data)


def laughs(levels: int = 12) -> str:
    """Ten aliases of ten aliases of ten ..."""
    lines = ["a0: &a0 [lol]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def echoes(levels: int = 12) -> str:
    """The same with interpolations."""
    lines = ["a0: lol"] + [f"a{i}: '{f'${{a{i - 1}}}' * 10}'" for i in range(1, levels)]
    return "\n".join(lines)


def data_suite(dataset: str, method: str = "untrained", evaluator: str = "knn: {}") -> str:
    return (
        f"name: data\nmatrix:\n  method: [{method}]\n  backbone: [conv4]\n  dataset: [{{use: {dataset}}}]\n"
        f"budget: {{steps: 2, batch_size: 4}}\nevaluators:\n  {evaluator}\n"
    )


RUN = ("run", "suite.yaml", "--results", "FOLDER/results", "--device", "cpu", "--workers", "1")
SIDE = 16


def arrays(number: int = 12, classes: int = 3) -> dict[str, Any]:
    """A good data set."""
    images = np.random.default_rng(0).integers(0, 256, (number, SIDE, SIDE), dtype=np.uint8)
    labels = np.arange(number) % classes
    return {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}


def npz(
    change: Callable[[dict[str, Any]], Any] = lambda _: None, method: str = "untrained", evaluator: str = "knn: {}"
) -> Callable[[Path], object]:
    """A data set with one thing wrong."""

    def prepare(folder: Path) -> None:
        parts = arrays()
        change(parts)
        np.savez(folder / "mine.npz", **parts)
        (folder / "suite.yaml").write_text(data_suite("npz, path: mine.npz", method, evaluator))

    return prepare


def raw_npz(data: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """The bytes of a good file, altered."""

    def prepare(folder: Path) -> None:
        npz()(folder)
        file = folder / "mine.npz"
        file.write_bytes(data(file.read_bytes()))

    return prepare


def pictures(alter: Callable[[Path], object]) -> Callable[[Path], object]:
    """A folder of pictures, altered."""

    def prepare(folder: Path) -> None:
        for split in ("train", "test"):
            for name in ("ant", "bee"):
                place = folder / "pictures" / split / name
                place.mkdir(parents=True)
                for number in range(3):
                    Image.new("L", (20, 20), 80 * number).save(place / f"{number}.png")
        alter(folder / "pictures")
        (folder / "suite.yaml").write_text(data_suite("image_folder, path: pictures, size: 16"))

    return prepare


def bomb() -> bytes:
    """A PNG of some bytes that says it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def plugin(source: str, needs: str = "") -> Callable[[Path], object]:
    return lambda folder: install(folder, "mine", source, needs=needs)


def plugin_and_suite(source: str, new: str) -> Callable[[Path], object]:
    def prepare(folder: Path) -> None:
        plugin(source)(folder)
        suite("idle", new, ONE)(folder)

    return prepare


def registers(line: str, before: str = "") -> str:
    """A plugin that registers a method."""
    head = "from harness import hookimpl, option\nfrom dataclasses import dataclass\n"
    return f"{head}{before}\n@hookimpl\ndef register_methods(register):\n    {line}\n"


def trained(alter: Callable[[Path], object], again: str = ONE) -> Callable[[Path], object]:
    """A cell that has been trained, then altered in its folder, and a suite that has more to do with it."""

    def prepare(folder: Path) -> None:
        text = ONE.replace("idle", "classify").replace("steps: 30", "steps: 3")
        (folder / "suite.yaml").write_text(text)
        code, output, errors = here([each.replace("FOLDER", str(folder)) for each in RUN], folder)
        assert code == 0, output + errors
        [cell] = (folder / "results" / "cells").iterdir()
        alter(cell)
        (folder / "suite.yaml").write_text(again.replace("idle", "classify").replace("steps: 30", "steps: 3"))

    return prepare


def half(file: Path) -> int:
    return file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def cut(file: Path) -> int:
    return file.write_bytes(file.read_bytes()[:20])


def another_score(file: Path) -> int:
    return file.write_text(re.sub(r'"value": [0-9.]+', '"value": 1.5', file.read_text()))


def another_type(file: Path) -> int:
    """Without the checksum, which a stranger would have made anew."""
    value = json.loads(file.read_text())
    del value["check"]
    value["metrics"]["accuracy"]["value"] = "high"
    return file.write_text(json.dumps(value))


MORE = ONE.replace("nearest: {}", "nearest: {}\n  on train: {use: nearest, split: train}")


class Exploit:
    """What a hostile pickle does: pickle calls what this names."""

    def __reduce__(self) -> Any:
        return (os.system, ("touch exploited",))


def interrupted(cell: Path, state: object) -> None:
    """As a training leaves its cell that was killed after a checkpoint."""
    import torch

    for file in (cell / "training.json", cell / "model.safetensors", *cell.glob("evaluations/*.json")):
        file.unlink()
    torch.save(state, cell / "checkpoint.pt")


def no_privilege() -> None:
    """Even for root, a folder's mode counts: without CAP_DAC_OVERRIDE."""
    with contextlib.suppress(AttributeError):  # there are systems without it
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def full_disk() -> None:
    """No file may become larger than that: every write beyond fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def read_only(folder: Path) -> None:
    suite(base=ONE)(folder)
    (folder / "results").mkdir(mode=0o500)


def file_in_the_way(folder: Path) -> None:
    pictures(lambda _: None)(folder)
    (folder / "cache").touch()


SUITES = (
    Fault("an unknown key", "a suite has no 'matrx'. Did you mean 'matrix'?", suite("matrix:", "matrx:")),
    Fault("an unknown axis", "Did you mean 'method'?", suite("method:", "metod:")),
    Fault("an unknown method", "there is no method 'clasify'. Did you mean", suite("classify", "clasify")),
    Fault("an unknown option", "Did you mean 'classes'?", suite("[blobs]", "[{use: blobs, clases: 3}]")),
    Fault("an option of another type", "must be int, not 'many'", suite("[blobs]", "[{use: blobs, classes: many}]")),
    Fault("a value that a component refuses", "must be positive", suite("idle]", "{use: classify, temperature: -1}]")),
    Fault("a value that is no number", "must be float, not nan", suite("lr: 0.1", "lr: .nan")),
    Fault("no length of training", "needs 'steps' or 'epochs'", suite("steps: 30, ", "")),
    Fault("a seed twice", "seeds must be at least one, each once", suite("[0, 1]", "[1, 1]")),
    Fault("a component twice", "method 'idle' is listed twice", suite("idle]", "idle, idle]")),
    Fault("all cells excluded", "is excluded", suite("evaluators:", "exclude: [{seed: [0, 1]}]\nevaluators:")),
    Fault("a missing bracket", "not valid YAML", suite("name: toy", "name: [toy")),
    Fault("a key twice", "found duplicate key name", suite("name: toy", "name: a\nname: b")),
    Fault("a tab for indentation", "cannot start any token", suite("  method", "\tmethod")),
    Fault("another encoding", "not UTF-8", content("name: café".encode("latin-1"))),
    Fault("UTF-16, as some editors write it", "not UTF-8", content(SUITE.encode("utf-16"))),
    Fault("an empty file", "the matrix needs at least one method", content(b"")),
    Fault("a list instead of a mapping", "a suite is a mapping", content(b"- 1\n")),
    Fault("binary garbage", "not UTF-8", content(bytes(range(256)))),
    Fault("a folder instead of a file", "Is a directory", lambda folder: (folder / "suite.yaml").mkdir()),
    Fault("a suite that is not there", "No such file", lambda _: None),
    Fault("a file without end", "is longer than", lambda _: None, ("plan", "/dev/zero")),
    Fault("an alias that contains itself", "contains itself", suite("name: toy", "name: &n [*n]")),
    Fault("aliases of aliases of aliases (a bomb)", "more than 1,000,000 values", content(laughs().encode())),
    Fault("interpolations of interpolations (a bomb)", "more than 200,000 values", content(echoes().encode())),
    Fault("100,000 brackets", "nested more than 32 levels deep", content(b"name: " + b"[" * 100_000)),
    Fault(
        "a matrix of 4,000,000 cells",
        "combinations of options of classify are too many",
        suite("idle]", f"{{use: classify, temperature: {list(range(1, 2001))}, seconds: {list(range(2000))}}}]"),
    ),
    Fault("a number of 5,000 digits", "a number of 5,000 digits", suite("[0, 1]", f"[{'9' * 5000}]")),
    Fault("a control character in a label", "U+001B is not allowed", suite("name: toy", 'name: "\\e[31mtoy"')),
    Fault("a NUL byte", "suite.yaml:2: not valid YAML: the character U+0000", content(b"name: a\n\0")),
    Fault("two documents in one file", "expected a single document", content(SUITE.encode() + b"---\na: 1\n")),
    Fault("half of a character", "U+D800 is not allowed", suite("name: toy", 'name: "\\ud800"')),
    Fault("an interpolation of nothing", "'nowhere' not found", suite("name: toy", "name: ${nowhere}")),
    Fault("a look into the environment", "resolvers, such as oc.env", suite("name: toy", "name: ${oc.env:HOME}")),
    Fault("an import by a resolver", "resolvers, such as oc.env", suite("name: toy", "name: '${oc.coerce:os.x,1}'")),
    Fault("an import path for a component", "there is no method 'os.system'", suite("classify", "os.system")),
    Fault(
        "a YAML tag that calls Python",
        "could not determine a constructor for the tag",
        suite("name: toy", "name: !!python/object/apply:os.system [touch exploited]"),
    ),
    Fault("a value that is not what its tag says", "what its tag says", suite("name: toy", "name: !!timestamp toy")),
    Fault(
        "an impossible combination",
        "the budget's batch_size is 4096, but",
        suite("batch_size: 32", "batch_size: 4096"),
        RUN,
    ),
    Fault("a split that there is not", "no split 'novel'", suite("nearest: {}", "nearest: {split: novel}"), RUN),
)

DATA = (
    Fault("a data file that is not there", "there is no file", content(data_suite("npz, path: no.npz").encode())),
    Fault("the home of nobody", "there is no user 'no.one'", content(data_suite("npz, path: ~no.one/a.npz").encode())),
    Fault("a path of no letters", "must be path, not ''", content(data_suite("npz, path: ''").encode())),
    Fault("a file that is no .npz", "is no .npz file", raw_npz(lambda _: b"some text"), RUN),
    Fault("a truncated .npz", "is no .npz file", raw_npz(lambda data: data[: len(data) // 2]), RUN),
    Fault("flipped bits in an .npz", "cannot be read", raw_npz(lambda data: data[:900] + b"x" * 9 + data[909:]), RUN),
    Fault(
        "Python objects in an .npz (a pickle)",
        "Object arrays cannot be loaded",
        npz(lambda parts: parts.update(train_labels=np.array([Exploit()] * 12, dtype=object))),
        RUN,
    ),
    Fault("an array of another name", "Did you mean", npz(lambda p: p.update(train_image=p["train_images"])), RUN),
    Fault("no training images", "has no 'train_images'", npz(lambda parts: parts.pop("train_images")), RUN),
    Fault(
        "pixels that are NaN",
        "must be uint8, not float64",
        npz(lambda parts: parts.update(train_images=np.full((12, SIDE, SIDE), np.nan))),
        RUN,
    ),
    Fault(
        "channels first",
        "has its channels first",
        npz(lambda parts: parts.update(train_images=np.zeros((12, 3, SIDE, SIDE), np.uint8))),
        RUN,
    ),
    Fault(
        "images of another shape in one split",
        "all splits must have samples of one shape",
        npz(lambda parts: parts.update(test_images=np.zeros((12, 20, 20), np.uint8))),
        RUN,
    ),
    Fault("labels of another type", "must be integers", npz(lambda p: p.update(train_labels=np.zeros(12))), RUN),
    Fault("too few labels", "has 12 samples, but", npz(lambda p: p.update(train_labels=np.arange(11))), RUN),
    Fault("a label out of range", "must be in 0 .. 1", npz(lambda p: p.update(classes=np.array(["a", "b"]))), RUN),
    Fault(
        "a negative label",
        "must be in 0 .. 2",
        npz(lambda p: p.update(classes=np.array(["a", "b", "c"]), train_labels=np.arange(12) % 3 - 1)),
        RUN,
    ),
    Fault(
        "a class in 'test' alone",
        "in 'test' but not in 'train'",
        npz(lambda p: p.update(test_labels=p["test_labels"] + 1)),
        RUN,
    ),
    Fault(
        "no samples",
        "must be (N, H, W)",
        npz(lambda p: p.update(train_images=np.zeros((0, 8, 8), np.uint8), train_labels=np.zeros(0, int))),
        RUN,
    ),
    Fault(
        "one class",
        "has one class only",
        npz(lambda p: p.update(train_labels=np.zeros(12, int), test_labels=np.zeros(12, int))),
        RUN,
    ),
    Fault(
        "one class, for a classifier",
        "has one class only",
        npz(
            lambda p: p.update(
                train_labels=np.zeros(12, int), novel_images=p.pop("test_images"), novel_labels=p.pop("test_labels")
            ),
            "supervised",
            "fewshot: {split: novel, ways: 3, shots: 1, queries: 2}",
        ),
        RUN,
    ),
    Fault(
        "fewer samples of a class than shots and queries",
        "need 3 classes of at least 6 samples; the split 'test' has 0",
        npz(evaluator="fewshot: {split: test, ways: 3, shots: 1, queries: 5}"),
        RUN,
    ),
    Fault(
        "a folder that is not there", "there is no folder", content(data_suite("image_folder, path: pictures").encode())
    ),
    Fault("a picture cut short", "0.png cannot be read", pictures(lambda place: half(place / "train/ant/0.png")), RUN),
    Fault(
        "a text named .png",
        "cannot be read as a picture",
        pictures(lambda place: (place / "test/bee/1.png").write_text("no picture")),
        RUN,
    ),
    Fault(
        "a picture of 3,600,000,000 pixels in 100 bytes (a bomb)",
        "decompression bomb",
        pictures(lambda place: (place / "train/ant/0.png").write_bytes(bomb())),
        RUN,
    ),
    Fault("a class without pictures", "has no pictures", pictures(lambda place: (place / "train/cow").mkdir()), RUN),
    Fault("a folder that is no split", "Did you mean 'test'?", pictures(lambda p: (p / "tests").mkdir()), RUN),
)

LIST = ("list", "methods")
PLUGINS = (
    Fault(
        "a plugin that cannot be imported",
        "cannot be imported: ModuleNotFoundError: No module named 'nonsense'",
        plugin("import nonsense"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a plugin that raises on import",
        "cannot be imported: RuntimeError: bad day",
        plugin("raise RuntimeError('bad day')"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a plugin that exits on import",
        "cannot be imported: SystemExit: 3",
        plugin("raise SystemExit(3)"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a plugin that raises on import what is no Exception",
        "cannot be imported: Panic: all is lost",
        plugin("class Panic(BaseException): ...\nraise Panic('all is lost')"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a hook that raises what is no Exception",
        "register_methods raised Panic: all is lost",
        plugin(registers("raise Panic('all is lost')", "class Panic(BaseException): ...\n")),
        LIST,
        0,
        alone=True,
    ),
    Fault("a hook that is a generator", "must be a plain function", plugin(registers("yield")), LIST, 0, alone=True),
    Fault(
        "a name that is no text",
        "method '5' is registered with the name 5, which is no text",
        plugin(registers("register(5, 'a:b')")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "an exception in a hook",
        "register_methods raised ZeroDivisionError",
        plugin(registers("1 / 0")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a misspelt hook",
        "there is no hook 'register_method'. Did you mean 'register_methods'?",
        plugin("from harness import hookimpl\n@hookimpl\ndef register_method(register): ..."),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a hook that is not marked",
        "register_methods is not marked with harness.hookimpl",
        plugin("def register_methods(register): ..."),
        LIST,
        0,
        alone=True,
    ),
    Fault("a plugin without a hook", "implements no hook", plugin(""), LIST, 0, alone=True),
    Fault(
        "a hook with another signature",
        "register_methods takes (register), not (registry)",
        plugin("from harness import hookimpl\n@hookimpl\ndef register_methods(registry): ..."),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a name that is taken",
        "method 'idle' is registered by plugin 'toy' (harness-toy 1.0) too: this one is 'plugin-mine:idle'",
        plugin(registers("register('idle', 'a:b')")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a suite that uses a name which is taken twice",
        "the method 'idle' is ambiguous: write 'harness-toy:idle' or 'plugin-mine:idle'",
        plugin_and_suite(registers("register('idle', 'a:b')"), "idle"),
        alone=True,
    ),
    Fault(
        "a bundled name that another plugin takes",
        "method 'simclr' stays with the bundled plugin 'simclr'",
        plugin(registers("register('simclr', 'a:b')")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a name that a plugin registers twice",
        "method 'new' is already registered by plugin 'mine'",
        plugin(registers("for _ in range(2): register('new', 'a:b')")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a plugin for another contract",
        "needs contract 99, but this is contract 1",
        plugin(registers("register('new', 'a:b')"), needs="rep-harness[contract-99]"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a requirement that is none",
        "needs 'rep-harness[contract-1', which is no requirement",
        plugin(registers("register('new', 'a:b')"), needs="rep-harness[contract-1"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a plugin for a newer version",
        "needs rep-harness>=99, but this is",
        plugin(registers("register('new', 'a:b')"), needs="rep-harness>=99"),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "options that are no dataclass",
        "which are no dataclass",
        plugin(registers("register('new', 'a:b', dict)")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a target that is none",
        "which is not 'package.module:attribute'",
        plugin(registers("register('new', 'a.b')")),
        LIST,
        0,
        alone=True,
    ),
    Fault(
        "a check of options that raises",
        "new: KeyError: 'x'",
        plugin_and_suite(
            registers(
                "register('new', 'a:b', Config)",
                "@dataclass(frozen=True)\nclass Config:\n    def __post_init__(self): {}['x']",
            ),
            "new",
        ),
        alone=True,
    ),
    Fault(
        "a component whose module is missing",
        "cannot be loaded: No module named 'gone'",
        plugin_and_suite(registers("register('new', 'gone:New')"), "new"),
        RUN,
        alone=True,
    ),
    Fault(
        "an observer that raises",
        "cell_finished raised OSError: the server is down",
        plugin_and_suite(
            "from harness import hookimpl\n"
            "@hookimpl\ndef cell_finished(event):\n    raise OSError('the server is down')\n",
            "idle",
        ),
        RUN,
        0,
        alone=True,
    ),
    Fault(
        "a plugin to block that is not there", "Did you mean 'toy'?", suite(), ("list", "--no-plugins=tyo"), alone=True
    ),
    Fault(
        "a component whose plugin is blocked",
        "there is no method 'idle'",
        suite(base=ONE),
        ("plan", "suite.yaml", "--no-plugins"),
        alone=True,
    ),
)

RESULTS = (
    Fault(
        "a truncated checkpoint",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: (interrupted(cell, {"step": 1}), half(cell / "checkpoint.pt"))),
        RUN,
        0,
    ),
    Fault(
        "a checkpoint of another network",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: interrupted(cell, {"step": 1, "seconds": 1.0, "method": {}, "optimizer": {}})),
        RUN,
        0,
    ),
    Fault(
        "a checkpoint that is a hostile pickle",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: interrupted(cell, {"step": Exploit()})),
        RUN,
        0,
    ),
    Fault(
        "a truncated model",
        "set aside as model.safetensors.damaged-1",
        trained(lambda cell: half(cell / "model.safetensors"), MORE),
        RUN,
        0,
    ),
    Fault(
        "a record cut short",
        "set aside as",
        trained(lambda cell: cut(next(cell.glob("evaluations/*.json")))),
        RUN,
        0,
    ),
    Fault(
        "another score in a record",
        "does not fit its checksum",
        trained(lambda cell: another_score(next(cell.glob("evaluations/*.json")))),
        ("leaderboard", "results"),
        0,
    ),
    Fault(
        "a record whose parts are of another type",
        "is damaged (in 'metrics' in 'accuracy' its 'value' is of another type)",
        trained(lambda cell: another_type(next(cell.glob("evaluations/*.json")))),
        ("leaderboard", "results"),
        0,
    ),
    Fault("a folder without results", "holds no results", lambda _: None, ("leaderboard", "nowhere")),
)

ENVIRONMENT = (
    Fault("a device that is none", "--device is auto, cpu, cuda or cuda:N", suite(), (*RUN, "--device", "gpu")),
    Fault("a GPU whose number is none", "not 'cuda:²'", suite(), (*RUN, "--device", "cuda:²")),
    Fault(
        "a GPU that is not there",
        "there is no such GPU on this machine",
        suite(),
        (*RUN, "--device", "cuda:7"),
        env={"CUDA_VISIBLE_DEVICES": ""},
    ),
    Fault("a selection of nothing", "Did you mean 'idle'?", suite(), (*RUN, "--only", "method=idel")),
    Fault("a kind of component that there is not", "Did you mean 'method'?", suite(), ("list", "metod")),
    Fault(
        "a file where the results should go",
        "Not a directory",
        lambda folder: (suite()(folder), (folder / "results").touch()),
        RUN,
    ),
    Fault("a results folder that cannot be written", "Permission denied", read_only, RUN, limit=no_privilege),
    Fault("a full disk", "File too large", suite(base=ONE), RUN, limit=full_disk),
    Fault(
        "a file where the cache should be",
        "cache/image_folder: Not a directory",
        file_in_the_way,
        RUN,
        env={"HARNESS_CACHE": "FOLDER/cache"},
    ),
    Fault(
        "a path too long",
        "File name too long",
        suite(base=ONE),
        ("run", "suite.yaml", "--results", "x" * 300),
    ),
)

FAULTS: dict[str, tuple[Fault, ...]] = {
    "Suites": SUITES,
    "Data": DATA,
    "Plugins": PLUGINS,
    "Results and checkpoints": RESULTS,
    "The environment and the command line": ENVIRONMENT,
}


def all_faults() -> Iterator[Fault]:
    for faults in FAULTS.values():
        yield from faults
