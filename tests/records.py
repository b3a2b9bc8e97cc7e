"""Records of runs that never were."""

import hashlib
import io
import random
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from harness.reporting.leaderboard import show
from harness.reporting.leaderboard.tables import build
from harness.reporting.leaderboard.view import View
from harness.store.records import CellRecord

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
        "samples": 51200,
        "samples_per_second": 4100.0,
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


def terminal(records: list[CellRecord], width: int, view: View = View()) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show(build(records, view), console, view=view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


HOSTILE = "a|b\n<script>alert(1)</script> **x** [y](z) `c` $d$ \x1b[31m _e_ &amp; " + "long " * 100


def hostile() -> list[CellRecord]:
    failed = {"status": HOSTILE, "message": HOSTILE}
    method = component("m", HOSTILE, option=HOSTILE)
    dataset = {**component("d", HOSTILE), "fingerprint": HOSTILE}
    scored = {HOSTILE: metric(0.5, unit=HOSTILE, protocol=HOSTILE)}
    return [record(method, seed, scored, dataset=dataset, failure=failed, suite=HOSTILE) for seed in range(2)]
