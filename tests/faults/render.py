"""Writes docs/reliability.md from the committed campaign: `uv run python tests/faults/render.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("campaign.json")
FUZZED = Path(__file__).with_name("fuzz_guided.json")
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = """\
# Reliability tests: crashes, damaged files, full disks

This page describes the tests of long runs: killed processes, damaged files, clock changes and full disks.
`uv run python tests/faults/render.py` writes it from `tests/faults/campaign.json`.

## How the fault campaign works

`harness run` runs suites of short cells, alternately of toy and of bundled methods. Each round injects one
kind of fault; then the same command runs again:

- **kill**: workers and the fork server get SIGKILL one after the other. Then the run itself or all processes get it at
  once. In some rounds this comes first, at a random time;
- **two**: two runs start on one results folder, and any process of either may be killed;
- **damage**: up to eight random files of the results folder are truncated or have bits flipped between two runs;
- **clock**: the system clock is set forward and back by up to ten years while one or two runs work;
- **disk**: the disk is filled except for a random number of bytes, before a run or during it.

After about seven of ten rounds, the campaign waits until no process is left and checks the conditions below. Otherwise
the next run starts at once, beside processes that are still alive.

At the end each suite runs without a fault, and its results are compared with those of a run that had no faults. Another
run must change nothing.
"""
INVARIANTS = {
    "cells complete and equal to the undisturbed run's": "at the end each cell is complete; its weights, scores, "
    "per-unit values and log of steps equal those of the run without faults, bit for bit",
    "cells run once": "a cell has at most one successful attempt and never runs in two processes at once",
    "files whole": "no file is torn: JSON and its checksum, safetensors, npz and checkpoints can be read",
    "finished records unchanged": "a finished training, model or score still exists, with the same bytes",
}
GUIDED = """\
`uv run --with atheris python tests/faults/fuzz_guided.py` lets atheris change suites and records, guided by the code
that they reach in the parser and in the record reader. Only errors for the user were raised, and no input took 10
seconds. `HARNESS_FUZZ=10000 uv run pytest tests/faults/test_fuzz.py` makes that many suites, plans, records and data
files.
"""
EXCUSED = "damage to a model, units or a log of steps that nothing had to read"


def page(result: Mapping[str, Any]) -> str:
    """The whole document."""
    counts, kills, checks = result["counts"], result["kills"], result["checks"]
    rounds = {name.split("'")[1]: number for name, number in counts.items() if name.startswith("rounds of")}
    violations = result["violations"]
    sections = [
        HEAD,
        f"`uv run python tests/faults/campaign.py --kills 200 --seed {result['seed']}` makes the same random choices. "
        f"It took {result['seconds'] / 60:.0f} minutes on {result['system']}. The tests include a short version. "
        f"Disk: {result['disk']}. Clock: {result['clock']}.\n",
        "## Number of faults\n",
        *table(
            ("", "number"),
            [
                ("suites completed", counts["suites"]),
                ("cells in them", counts["cells"]),
                ("runs started", counts["runs"]),
                ("**kills**", sum(kills.values())),
                *((f"of {target}", number) for target, number in kills.items()),
                *((f"rounds of *{kind}*", number) for kind, number in rounds.items()),
                ("files damaged", counts.get("files damaged", 0)),
                ("clock jumps", counts.get("clock jumps", 0)),
                ("disks filled up", counts.get("disks filled up", 0)),
            ],
        ),
        "\n## Conditions checked\n",
        *table(("", "checks"), [(text, checks.get(name, 0)) for name, text in INVARIANTS.items()]),
        f"\n**Violations: {len(violations)}.** No process of a killed run was left after "
        f"{result['longest_orphan_seconds']:g} s.\n",
        *(f"- {violation}\n" for violation in violations),
        f"{checks.get(EXCUSED, 0)} files that the campaign itself damaged are not counted as violations, because no "
        "run had to read them again. A finished cell's model and per-unit values are compared with their checksum only "
        "when they are used, and nothing reads its log of steps.\n",
        *guided(json.loads(FUZZED.read_text(encoding="utf-8"))),
    ]
    return "\n".join(sections)


def guided(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The section on `fuzz_guided.py`."""
    rows = [(f"{target}: {each['edges']:,} edges reached", each["executions"]) for target, each in found.items()]
    return ["## Coverage-guided fuzzing\n", GUIDED, *table(("", "executions"), rows), ""]


def table(head: tuple[str, str], rows: Iterable[tuple[str, int]]) -> list[str]:
    return [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {name} | {number:,} |" for name, number in rows)]


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
