"""A training step on one device and on two: uv run python perf/devices.py, on a quiet machine.

On a CPU, one device has all cores as threads of one process, and two share them out as processes. Seconds are those of
the training, without the start of the processes; of several runs the least counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parent / "results" / "devices.json"
METHODS = ["simclr", "moco", "supervised", "protonet"]
BATCH, STEPS, REPEATS = 256, 60, 3


def run(devices: int) -> dict[str, float]:
    """Seconds per step of each method."""
    budget = {"steps": STEPS, "batch_size": BATCH, "devices": devices}
    axes = {"method": METHODS, "backbone": ["conv4"], "dataset": ["glyphs"], "seed": [0]}
    suite = {"name": "devices", "matrix": axes, "budget": budget, "evaluators": {"knn": {}}}
    suite["methods"] = {"protonet": {"ways": 20, "shots": 1, "queries": 5}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
        command = [sys.executable, "-m", "harness", "run", "suite.yaml", "--workers", "1", "--device", "cpu"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found = {}
        for cell in folder.glob("results/devices/cells/*"):
            method, training = (json.loads((cell / f"{each}.json").read_text()) for each in ("cell", "training"))
            found[method["method"]["name"]] = training["seconds"] / STEPS
    return found


def main() -> None:
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(REPEATS):
        for devices, found in runs.items():  # in turn, so that what else the machine does hits both
            found.append(run(devices))
            print(devices, found[-1], flush=True)
    from machine import describe

    steps: dict[str, Any] = {
        method: {str(devices): min(each[method] for each in found) for devices, found in runs.items()}
        for method in METHODS
    }
    content = {"machine": describe(), "cores": os.cpu_count(), "batch": BATCH, "repeats": REPEATS, "seconds": steps}
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
