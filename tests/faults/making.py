"""What a fault needs in its folder: suites, data, plugins, results, and the limits of a process."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import re
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import SUITE, install
from tests.faults.meeting import here

ONE = SUITE.replace("classify, idle", "idle").replace("[0, 1]", "[0]")  # one cell, which trains nothing


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


def pictures(alter: Callable[[Path], object], options: str = "size: 16") -> Callable[[Path], object]:
    """A folder of pictures, altered."""

    def prepare(folder: Path) -> None:
        for split in ("train", "test"):
            for name in ("ant", "bee"):
                place = folder / "pictures" / split / name
                place.mkdir(parents=True)
                for number in range(3):
                    Image.new("L", (20, 20), 80 * number).save(place / f"{number}.png")
        alter(folder / "pictures")
        (folder / "suite.yaml").write_text(data_suite(f"image_folder, path: pictures, {options}"))

    return prepare


def listed(old: str, new: str, options: str = "size: 16") -> Callable[[Path], object]:
    """A list of four pictures, with `new` in place of `old`."""
    good = "path,label,split\n0.png,ant,train\n1.png,bee,train\n2.png,ant,test\n3.png,bee,test\n"
    assert old in good, old

    def prepare(folder: Path) -> None:
        for number in range(4):
            Image.new("L", (20, 20), 60 * number).save(folder / f"{number}.png")
        (folder / "text.png").write_text("no picture")
        (folder / "list.csv").write_text(good.replace(old, new))
        (folder / "suite.yaml").write_text(data_suite(f"image_list, path: list.csv, {options}"))

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


CALLS = {
    "x86_64": {"flock": (73,), "link": (86, 265), "bind": (49,)},
    "aarch64": {"flock": (32,), "link": (37,), "bind": (200,)},
}  # their numbers, where the system has two calls for one thing both


def without(*calls: str, number: int = errno.ENOSYS) -> Callable[[], None]:
    """What makes the system refuse these calls, to this process and all that it starts: for `preexec_fn`."""
    refused = [each for call in calls for each in CALLS[platform.machine()][call]]
    load, equal, give = 0x20, 0x15, 0x06  # instructions of the system's filter: the call's number, a comparison, an end
    allow, refuse = 0x7FFF0000, 0x00050000 | number
    steps = [(load, 0, 0, 0)]
    steps += [(equal, len(refused) - place, 0, each) for place, each in enumerate(refused)]
    steps += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def filtered() -> None:
        _ = code  # the program points there
        if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0):
            raise OSError(ctypes.get_errno(), "the system takes no filter of calls")

    return filtered


def full_disk() -> None:
    """No file may become larger than that: every write beyond fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def read_only(folder: Path) -> None:
    suite(base=ONE)(folder)
    (folder / "results").mkdir(mode=0o500)


def file_in_the_way(folder: Path) -> None:
    pictures(lambda _: None)(folder)
    (folder / "cache").touch()
