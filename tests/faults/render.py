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
# Reliability

Made by `uv run python tests/faults/render.py` from `tests/faults/campaign.json`, not edited by hand.
`uv run python tests/faults/campaign.py --kills 200 --seed 0` makes that file; a short version is among the tests.

## The campaign

Suites of short cells, half of them of toy methods, half of the bundled ones, run by `harness run`. In each round one
kind of fault strikes; then the same command runs again:

- **kill**: workers and the fork server die by SIGKILL one after the other, then the run itself or all processes at
  once; or these two at a random moment from the start of the command on;
- **two**: two runs start on one results folder, and any process of either may be killed;
- **damage**: up to eight random files of the results folder are cut short or have bits flipped between two runs;
- **clock**: the system's clock is set forward and back by up to ten years while one or two runs go on;
- **disk**: the disk fills up but for a random number of bytes, before a run or in the middle of it.

After seven of ten rounds, the campaign waits until no process is left and checks what must be true; after the others
the next run starts at once, beside whatever is still alive. At last each suite runs undisturbed, is compared with the
results of a run that nothing ever disturbed, and runs once more, which must change nothing.
"""
INVARIANTS = {
    "cells complete and equal to the undisturbed run's": "at the end a cell is complete, and its weights, scores, "
    "per-unit values and log of steps equal those of the undisturbed run bit for bit",
    "cells run once": "a cell has at most one attempt that ended well, and never runs in two processes at once",
    "files whole": "no file is torn: JSON and its checksum, safetensors, npz and checkpoints can be read",
    "finished records unchanged": "a training, model or score that was finished is there, with the same bytes",
}
GUIDED = """\
`uv run --with atheris python tests/faults/fuzz_guided.py` lets atheris alter suites and records by what of the parser
and of the record reader they reach. Nothing was raised but the error that a user is shown, and nothing took 10 seconds.
`HARNESS_FUZZ=10000 uv run pytest tests/faults/test_fuzz.py` makes so many whole suites, plans, records and data files.
"""
EXCUSED = "damage to a model, units or a log of steps that nothing had to read"


def page(result: Mapping[str, Any]) -> str:
    """The whole document."""
    counts, kills, checks = result["counts"], result["kills"], result["checks"]
    rounds = {name.split("'")[1]: number for name, number in counts.items() if name.startswith("rounds of")}
    violations = result["violations"]
    sections = [
        HEAD,
        f"Run on {result['system']}, in {result['seconds'] / 60:.0f} minutes, with seed {result['seed']}. "
        f"Disk: {result['disk']}. Clock: {result['clock']}.\n",
        "## What was done\n",
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
        "\n## What was checked\n",
        *table(("", "checks"), [(text, checks.get(name, 0)) for name, text in INVARIANTS.items()]),
        f"\n**Violations: {len(violations)}.** No process of a killed run was left after "
        f"{result['longest_orphan_seconds']:g} s.\n",
        *(f"- {violation}\n" for violation in violations),
        f"Not counted as violations are {checks.get(EXCUSED, 0)} files that the campaign itself damaged and that "
        "nothing had to read again: the content of a finished cell's model and per-unit values is compared with its "
        "checksum only when it is used, and nothing reads the log of steps of a finished cell.\n",
        *guided(json.loads(FUZZED.read_text(encoding="utf-8"))),
    ]
    return "\n".join(sections)


def guided(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The section on `fuzz_guided.py`."""
    rows = [(f"{target}: {each['edges']:,} edges reached", each["executions"]) for target, each in found.items()]
    return ["\n## Fuzzing led by coverage\n", GUIDED, *table(("", "executions"), rows), ""]


def table(head: tuple[str, str], rows: Iterable[tuple[str, int]]) -> list[str]:
    return [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {name} | {number:,} |" for name, number in rows)]


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
