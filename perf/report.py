"""Size and times of `harness report` for results folders of many records: uv run python perf/report.py [DIR ...]

A folder of 500 invented records is made: 10 settings, 2 backbones, 5 data sets, 5 seeds, 4 evaluators, each cell with
500 logged steps and per-episode values. Loading is measured in Chromium without a window, where there is one: from
navigation to the end of the load event, and to the first frame after it. DIRs are results folders to measure besides.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from machine import describe
from synthetic import planned, write_results

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # before another distribution's tests
from tests.browser import CHROMIUM, Browser  # noqa: E402 (found by the line above)

REPEATS = 5
SUITE = f"""\
name: many
matrix:
  method: [{{use: simclr, temperature: [{", ".join(f"{0.1 + number / 20:.2f}" for number in range(10))}]}}]
  backbone: [conv4, resnet18]
  dataset: [digits, glyphs, cifar10, omniglot, fashion_mnist]
  seed: [0, 1, 2, 3, 4]
budget: {{steps: 1500}}
evaluators:
  knn: {{}}
  linear: {{}}
  5-way 1-shot: {{use: fewshot, ways: 5, shots: 1, episodes: 500}}
  5-way 5-shot: {{use: fewshot, ways: 5, shots: 5, episodes: 500}}
"""


def write_many(folder: Path) -> Path:
    """500 records, with what trainings and evaluators leave beside them."""
    suite = folder / "many.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    plan = planned(suite)
    store = write_results(folder / "many", plan)
    draw, arrays = random.Random(0), np.random.default_rng(0)
    for id_ in plan.cells:
        steps = [
            json.dumps({"step": 3 * i + 1, "steps": 1500, "loss": 5 * math.exp(-i / 100) + draw.random()})
            for i in range(500)
        ]
        store.cell(id_).steps.write_text("\n".join(steps) + "\n", encoding="utf-8")
        for evaluator, component in plan.evaluators.items():
            if component.spec.name == "fewshot":
                values = arrays.normal(0.7, 0.1, 500).clip(0, 1).round(2)
                np.savez_compressed(store.cell(id_).evaluation(evaluator).with_suffix(".npz"), accuracy=values)
    return store.folder


def measure(results: Path, page: Path) -> dict[str, Any]:
    before = _core_seconds()
    command: list[str | Path] = [Path(sys.executable).with_name("harness"), "report", results, "--output", page]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    made = _core_seconds() - before
    loads = [load(page) for _ in range(REPEATS)] if CHROMIUM else []
    return {
        "records": len(list((results / "cells").iterdir())),
        "megabytes": page.stat().st_size / 1e6,
        "core_seconds_to_make": made,
        "seconds_to_load": median(each[0] for each in loads) if loads else None,
        "seconds_to_first_frame": median(each[1] for each in loads) if loads else None,
    }


def _core_seconds() -> float:
    """What ended child processes have taken of processors: on a shared machine steadier than the time that passed."""
    times = os.times()
    return times.children_user + times.children_system


def load(page: Path) -> tuple[float, float]:
    """Seconds from navigation to the load event's end and to the first frame after it, in a browser just started."""
    with Browser() as browser:
        started = time.perf_counter()
        browser.open(page)
        browser.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
        shown = time.perf_counter() - started
        loaded = browser.value("performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000
        return loaded, shown


def main(others: list[str]) -> None:
    folders = [ROOT / "results" / "reference" / name for name in ("quickstart", "omniglot-short")]
    with tempfile.TemporaryDirectory() as folder:
        made = write_many(Path(folder))
        results = {
            each.name: measure(each, Path(folder) / "report.html") for each in (*folders, *map(Path, others), made)
        }
    for name, each in results.items():
        print(name, each)
    content = json.dumps({"machine": describe(), "repeats": REPEATS, "reports": results}, indent=1)
    (Path(__file__).parent / "results" / "report.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
