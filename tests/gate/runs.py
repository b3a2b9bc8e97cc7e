"""Results folders as a run would have left them, with chosen scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.base.atomic_files import write_json

MACHINE = {
    **{"harness": "0.2.0", "torch": "2.6.0", "python": "3.11.9", "commit": "abc", "started": "2026-01-01T00:00:00Z"},
    **{"platform": "Linux", "cpu": "Some CPU", "cores": 2, "threads": 1, "device": "cpu"},
}
BUDGET = {"steps": 100, "epochs": None}
Value = float | None | Mapping[str, Any]
BEFORE = {
    "simclr": [0.80, 0.81, 0.79, 0.80, 0.805],
    "moco": [0.70, 0.71, 0.69, 0.70, 0.705],
}  # of two methods with five seeds


def component(name: str, **options: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "distribution": f"rep-{name}",
        "version": "1.0",
        "options": options,
        "decides": sorted(options),
    }


def metric(value: float | None, **changes: Any) -> dict[str, Any]:
    said = {"half_width": 0.01, "n": 1000, "unit": "image", "higher_is_better": True, "protocol": ""}
    return {"value": value, **said, **changes}


def evaluation(
    label: str, metrics: Mapping[str, Value], *, version: str = "1.0", **options: Any
) -> tuple[str, dict[str, Any]]:
    """With an id that depends on name, version and options."""
    evaluator = {**component(label, **options), "version": version}
    id_ = hashlib.sha256(f"{label} {version} {options}".encode()).hexdigest()[:16]
    found = {name: value if isinstance(value, dict) else metric(value) for name, value in metrics.items()}  # type: ignore[arg-type]
    return id_, {"label": label, "evaluator": evaluator, "seconds": 1.0, "metrics": found, "provenance": MACHINE}


def cell(
    folder: Path,
    method: str = "simclr",
    seed: int = 0,
    *evaluations: tuple[str, dict[str, Any]],
    failure: str = "",
    machine: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write one cell; its folder."""
    whole = {
        "suite": "ci",
        "harness": "0.2.0",
        "method": component(method, **(options or {})),
        "backbone": component("conv4", width=64),
        "dataset": {**component("glyphs"), "fingerprint": "f0"},
        "seed": seed,
        "budget": {**BUDGET, "lr": 0.1},
        "suite_budget": BUDGET,
        **changes,
    }
    own = folder / "cells" / hashlib.sha256(repr(sorted(whole.items())).encode()).hexdigest()[:16]
    write_json(own / "cell.json", whole, durable=False)
    if not failure:
        trained = {"seconds": 10.0, "samples": 100, "samples_per_second": 10.0, "peak_memory_mb": 500.0}
        said = {**trained, **(training or {}), "steps": 1, "metrics": {}, "provenance": {**MACHINE, **(machine or {})}}
        write_json(own / "training.json", said, durable=False)
    for id_, said in evaluations:
        write_json(own / "evaluations" / f"{id_}.json", said, durable=False)
    if failure:
        status, _, message = failure.partition(": ")
        log = "cells/x/attempts/001.log"
        said = {"status": status, "message": message, "signal": None, "exit_code": 1, "log": log}
        write_json(own / "attempts" / "001.json", said, durable=False)
    return own


def run(folder: Path, scores: Mapping[str, Sequence[float]], *, first: int = 0, **changes: Any) -> Path:
    """A folder with an accuracy "knn" for each method and seed; its path."""
    for method, values in scores.items():
        for seed, value in enumerate(values, first):
            cell(folder, method, seed, evaluation("knn", {"accuracy": value}), **changes)
    return folder


def rows(path: Path) -> dict[str, dict[str, Any]]:
    """By method and metric."""
    return {f"{row['method']} {row['evaluator']} {row['metric']}": row for row in json.loads(path.read_text())["rows"]}


def verdicts(path: Path) -> dict[str, str]:
    return {name: row["verdict"] for name, row in rows(path).items()}
