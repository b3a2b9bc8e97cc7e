"""What the tests of faults start and compare: `harness` with the toy plugin and the witness installed, and what a run
left behind."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).parent.parent
HARNESS = (sys.executable, "-m", "harness")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Of a process that sees the toy plugin and the witness as installed distributions."""
    site = Path(tempfile.mkdtemp(prefix="harness-faults-"))
    for plugin in ("toy", "witness"):
        info = site / f"harness_{plugin}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: harness-{plugin}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[harness]\n{plugin} = harness_{plugin}\n")
    paths = [str(site), str(TESTS / "toy"), str(TESTS / "faults" / "witness")]
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([*paths, *([inherited] if inherited else [])])
    return {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **more}


def name_of(cell: Mapping[str, Any]) -> str:
    """A cell as the witness calls it."""
    labels = [str(cell[axis]["label"]) for axis in ("method", "backbone", "dataset")]
    return " · ".join([*labels, str(cell["seed"])])


def cells(results: Path) -> dict[str, Path]:
    """The folders of the cells by name."""
    found = {}
    for path in sorted(results.glob("cells/*/cell.json")):
        found[name_of(json.loads(path.read_text(encoding="utf-8")))] = path.parent
    return found


def outcome(cell: Path) -> dict[str, Any]:
    """All that decides what a cell is worth, less what may differ between runs: times and costs."""
    training = json.loads((cell / "training.json").read_text(encoding="utf-8"))
    evaluations = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["metrics"]
        for path in sorted(cell.glob("evaluations/*.json"))
    }
    units = {
        path.stem: {name: values.tolist() for name, values in np.load(path).items()}
        for path in sorted(cell.glob("evaluations/*.npz"))
    }
    return {
        "training": {key: training[key] for key in ("steps", "images", "metrics")},
        "evaluations": evaluations,
        "units": units,
        "steps": (cell / "steps.jsonl").read_text(encoding="utf-8"),
        "model": (cell / "model.safetensors").read_bytes(),
    }
