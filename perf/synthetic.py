"""Suites and results folders of any size, for measuring what the harness itself costs. The scores are invented."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.base.atomic_files import CHECK
from harness.base.version import FORMAT
from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite

CONTENT = b"invented"
SEAL = {"bytes": len(CONTENT), "crc32": f"{zlib.crc32(CONTENT):08x}"}
PROVENANCE = {
    "harness": "0",
    "torch": "0",
    "python": "0",
    "platform": "none",
    "cpu": "none",
    "cores": 1,
    "threads": 1,
    "device": "cpu",
    "commit": "",
    "started": "2026-01-01T00:00:00Z",
}


def write_suite(file: Path, cells: int, methods: int = 10) -> Path:
    """A suite of `cells` cells: `methods` settings of one method, and as many seeds as it takes."""
    settings = ", ".join(f"{0.1 + number / 1000:.3f}" for number in range(methods))
    file.write_text(
        "name: synthetic\n"
        "matrix:\n"
        f"  method: [{{use: simclr, temperature: [{settings}]}}]\n"
        "  backbone: [conv4]\n"
        "  dataset: [digits]\n"
        f"  seed: [{', '.join(map(str, range(cells // methods)))}]\n"
        "budget: {steps: 100}\n"
        "evaluators: {knn: {}, linear: {}}\n",
        encoding="utf-8",
    )
    return file


def write_results(folder: Path, plan: Plan, *, large_files: bool = False) -> Store:
    """A results folder in which every cell of `plan` is done, without the models and per-unit values.

    With `large_files` these and the logs are there as well, a few bytes each, so that there are as many files as a run
    leaves.
    """
    store = Store(folder)
    draw = random.Random(0)
    for id_, cell in plan.cells.items():
        left = store.cell(id_)
        _write(left.cell, cell.as_json())
        if large_files:
            for path in (left.model, left.steps, left.attempt(1).with_suffix(".log")):
                _touch(path)
        training = {
            "seconds": 1.0,
            "steps": 100,
            "samples": 12800,
            "samples_per_second": 12800.0,
            "peak_memory_mb": 300.0,
        }
        sealed = {"model": SEAL} if large_files else {}
        _write(left.training, {**sealed, **training, "metrics": {"loss": 1.0}, "provenance": PROVENANCE})
        _write(left.next_attempt(), {"status": "ok", "message": ""})
        for evaluator, component in plan.evaluators.items():
            metric = {
                "value": 0.7 + 0.1 * draw.random(),
                "half_width": 0.02,
                "n": 450,
                "unit": "image",
                "higher_is_better": True,
                "protocol": "inductive",
            }
            if large_files:
                _touch(left.evaluation(evaluator).with_suffix(".npz"))
            _write(
                left.evaluation(evaluator),
                {
                    **({"units": SEAL} if large_files else {}),
                    "label": component.label,
                    "evaluator": component.as_json(),
                    "seconds": 0.1,
                    "metrics": {"accuracy": metric},
                    "provenance": PROVENANCE,
                },
            )
    return store


def planned(suite: Path) -> Plan:
    return Plan.of(load_suite(suite, registry()))


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """As the store writes, but without waiting for the disk."""
    text = json.dumps({"format": FORMAT, **value}, indent=1, ensure_ascii=False).removesuffix("\n}")
    _touch(path, text.encode() + CHECK + f'{zlib.crc32(text.encode()):08x}"\n}}'.encode())


def _touch(path: Path, content: bytes = CONTENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
