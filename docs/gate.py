"""Puts the tables of docs/gate.md between their markers: `uv run python docs/gate.py`.

They are made of what perf/gate_simulation.py and perf/gate_runs.py have written into perf/results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "gate.md"
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def read(name: str) -> Any:
    return json.loads((ROOT / "perf" / "results" / f"gate-{name}.json").read_text(encoding="utf-8"))


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def simulation() -> Iterator[str]:
    found = read("simulation")
    yield "| cells | seeds | correlation | scores | false alarms | drop of 1 point found | of 2 points | of 5 points |"
    yield "|---:|---:|---:|---|---:|---:|---:|---:|"
    for row in found["rows"]:
        shares = " | ".join(percent(row["found"][drop]) for drop in ("1", "2", "5"))
        alarms = f"{100 * row['false_alarms']:.2f} %"
        yield f"| {setting(row)} | {alarms} | {shares} |"


def suspicions() -> Iterator[str]:
    found = read("simulation")
    sizes = list(found["rows"][0]["suspected"])
    said = " | ".join(f"{size} points up" for size in sizes)
    yield f"| cells | seeds | correlation | scores | without a change | {said} |"
    yield "|---:|---:|---:|---|---:|" + "---:|" * len(sizes)
    for row in found["rows"]:
        shares = " | ".join(percent(row["suspected"][size]) for size in sizes)
        yield f"| {setting(row)} | {100 * row['false_suspicions']:.2f} % | {shares} |"


def setting(row: dict[str, Any]) -> str:
    """The first four columns."""
    said = [f"of {row['images']} images"] if row["images"] else []
    said += ["cells with sd 1 or 4"] if row["deviations"] != "all 1" else []
    said += [] if row["paired"] else ["other seeds, unpaired"]
    seeds = row["seeds"] if row["seeds"] > 1 else "1 (no test)"
    scores = ", ".join(said) or "any"
    return f"{row['cells']} | {seeds} | {row['correlation']} | {scores}"


def faults() -> Iterator[str]:
    yield "| fault | exit code | reported |"
    yield "|---|---:|---|"
    for fault, found in read("runs")["faults"].items():
        named = "<br>".join(found["alarms"]) or "nothing"
        yield f"| {fault} | {found['exit_code']} | {named} |"


def honest() -> Iterator[str]:
    yield "| run | seeds | exit code | verdicts | lowest change |"
    yield "|---:|---|---:|---|---:|"
    for number, found in sorted(read("runs")["honest"].items(), key=lambda each: int(each[0])):
        seeds = f"{100 * int(number)} to {100 * int(number) + 4}"
        lowest = f"{100 * found['lowest']:+.1f} points"
        yield f"| {number} | {seeds} | {found['exit_code']} | {found['summary']} | {lowest} |"


TABLES = {"simulation": simulation, "suspicions": suspicions, "faults": faults, "honest": honest}


def updated(text: str) -> str:
    return MARKED.sub(lambda match: match[1] + "\n".join([*TABLES[match[2]](), ""]) + match[3], text)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
