"""What the tests of faults start and compare: `harness` with the toy plugin and the witness installed, and what a run
left behind."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
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


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _training(cell: Path) -> Any:
    training = _json(cell / "training.json")
    return {key: training[key] for key in ("steps", "samples", "metrics")}


def _units(cell: Path) -> Any:
    return {
        path.stem: {name: values.tolist() for name, values in np.load(path).items()}
        for path in sorted(cell.glob("evaluations/*.npz"))
    }


PARTS: dict[str, tuple[str, Callable[[Path], Any]]] = {  # what a cell is worth: files, and how to compare them
    "training": ("training.json", _training),
    "evaluations": (
        "evaluations/*.json",
        lambda cell: {path.stem: _json(path)["metrics"] for path in sorted(cell.glob("evaluations/*.json"))},
    ),
    "units": ("evaluations/*.npz", _units),
    "steps": ("steps.jsonl", lambda cell: (cell / "steps.jsonl").read_text(encoding="utf-8")),
    "model": ("model.safetensors", lambda cell: (cell / "model.safetensors").read_bytes()),
}


def outcome(cell: Path) -> dict[str, Any]:
    """All that a cell is worth, less what may differ between runs: times and costs."""
    return {name: read(cell) for name, (_, read) in PARTS.items()}
