"""The gate on real runs of benchmarks/ci.yaml: what is broken on purpose is caught, and honest runs pass.

`uv run python perf/gate_runs.py faults` breaks one method at a time (three times five cells); `honest FIRST LAST` runs
the suite anew with other seeds, once for each number, two minutes each. Both judge by benchmarks/ci-baseline.json, add
what they saw to perf/results/gate-runs.json, of which docs/gate.py makes tables, and keep results in --results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SUITE = HERE.parent / "benchmarks" / "ci.yaml"
BASELINE = SUITE.with_name("ci-baseline.json")
RESULTS = HERE / "results" / "gate-runs.json"
ADAM = "budget: {optimizer: adam, lr: 0.003, weight_decay: 0.0}"
METHODS = "[simclr, moco, maml, protonet, supervised]"
FAULTS = {
    "SimCLR's temperature is 10 times too high": ("simclr: {temperature: 0.2}", "simclr: {temperature: 2.0}"),
    "labels are shifted by one image": (
        METHODS,
        METHODS.replace("supervised", f"{{use: shifted, label: supervised, {ADAM}}}"),
    ),
    "ProtoNet's batch norm is in training mode at evaluation": (
        METHODS,
        METHODS.replace("protonet", "{use: unfrozen, label: protonet}"),
    ),
}


def install(folder: Path) -> None:
    """The broken methods as an installed plugin, for the processes that are started from here."""
    info = folder / "harness_broken-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nbroken = harness_broken\n")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), str(HERE / "broken")])


def altered(old: str, new: str, folder: Path) -> Path:
    """A copy of the suite with one thing changed."""
    text = SUITE.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{SUITE} does not have {old!r} once")
    path = folder / "ci.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def check(suite: Path, results: Path) -> dict[str, Any]:
    """What `harness check` says."""
    report = results.with_suffix(".json")
    command = [sys.executable, "-m", "harness", "check", str(suite), "--baseline", str(BASELINE)]
    done = subprocess.run(
        [*command, "--results", str(results), "--workers", "2", "--json", str(report)], check=False, timeout=1800
    )
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    assert done.returncode == found["exit_code"]
    return found


def seen(found: dict[str, Any]) -> dict[str, Any]:
    changes = {row["name"]: row["change"] for row in found["rows"] if row["change"] is not None}
    named = [
        row["text"] for row in found["rows"] if row["verdict"] in ("regressed", "missing", "failed", "not comparable")
    ]
    summary = {key: found[key] for key in ("exit_code", "summary")}
    return {**summary, "alarms": named, "lowest": min(changes.values(), default=None), "changes": changes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("faults", "honest"))
    parser.add_argument("numbers", nargs="*", type=int, help="of honest runs: the first and the last")
    parser.add_argument("--results", type=Path, required=True, help="a folder for results folders")
    arguments = parser.parse_args()
    whole = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"faults": {}, "honest": {}}
    install(arguments.results / "plugin")
    if arguments.what == "faults":
        for fault, (old, new) in FAULTS.items():
            folder = arguments.results / "faults"
            folder.mkdir(parents=True, exist_ok=True)
            whole["faults"][fault] = seen(check(altered(old, new, folder), folder / "results"))
    else:
        first, last = arguments.numbers
        for number in range(first, last + 1):
            folder = arguments.results / f"honest-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            seeds = ", ".join(str(100 * number + each) for each in range(5))
            suite = altered("seed: [0, 1, 2, 3, 4]", f"seed: [{seeds}]", folder)
            whole["honest"][str(number)] = seen(check(suite, folder / "results"))
    whole["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    RESULTS.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
