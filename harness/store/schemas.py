"""Reads and checks the JSON files of a cell's folder."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from harness.base.atomic_files import ANY, DamagedError, read_json
from harness.base.errors import printable
from harness.store.records import FORMER, CellRecord, with_todays_names

Report = Callable[[DamagedError], None]

NUMBER, OPTIONAL = (int, float, NoneType), (dict, NoneType)
COMPONENT = {"name": str, "options": dict, "decides": list, "weights": OPTIONAL, "of": OPTIONAL}
LABELLED = {**COMPONENT, "label": str}
BUDGET = {"steps": NUMBER, "epochs": NUMBER}
BEFORE = {"id": str, "name": str, "method": LABELLED, "dataset": LABELLED, "budget": BUDGET}
CELL = {
    "suite": str,
    "seed": int,
    **dict.fromkeys(("method", "backbone", "dataset"), LABELLED),
    "budget": BUDGET,
    "suite_budget": OPTIONAL,
    "starts": [BEFORE],
}
IN_CHAIN = {"id": str, "steps": NUMBER, "labels": (bool, NoneType)}
COSTS = dict.fromkeys(("seconds", "samples", "views"), NUMBER)
START = {"id": str, "model": OPTIONAL, **COSTS, "chain": [IN_CHAIN]}
TRAINING = {
    **COSTS,
    **dict.fromkeys(("samples_per_second", "peak_memory_mb", *FORMER), NUMBER),
    "provenance": OPTIONAL,
    "weights": OPTIONAL,
    "notes": (list, NoneType),
    "start": [START],
}
METRIC = {
    **dict.fromkeys(("value", "half_width", "n"), NUMBER),
    **dict.fromkeys(("shown", "estimate"), (str, NoneType)),
    **dict.fromkeys(("details", "bound"), OPTIONAL),
}
EVALUATION = {
    "label": str,
    "evaluator": COMPONENT,
    "seconds": (int, float),
    "metrics": {ANY: METRIC},
    "provenance": OPTIONAL,
    "shared_with_train": OPTIONAL,
    "judge": OPTIONAL,
}
ATTEMPT = {"status": str, "message": str}


def warn(damage: DamagedError) -> None:
    """What a reader says of a file that it leaves out."""
    print(printable(f"harness: warning: {damage}"), file=sys.stderr)


def json_files(folder: str) -> list[str]:
    """Paths of the JSON files of a folder, sorted; none if there is no such folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (as in read_record)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".json") and not name.startswith(".")]


def attempt_files(folder: str) -> list[str]:
    """Paths of the attempts of a folder in their order; a file that somebody else put there is none."""
    return sorted(filter(number_of, json_files(folder)), key=number_of)


def number_of(path: str) -> int:
    """That of an attempt's file, from 1 on; 0 for another file."""
    found = re.fullmatch(r"([0-9]{1,9})\..*", path.rpartition("/")[2])
    return int(found[1]) if found else 0


def read_record(folder: str, report: Report = warn) -> CellRecord | None:
    """What a cell's folder holds, less what is damaged. None if it does not say which cell it is.

    Paths are text here: making tens of thousands of Path objects takes seconds.
    """

    def read(path: str, shape: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return read_json(path, shape)
        except DamagedError as damage:
            report(damage)
            return None

    cell = read(f"{folder}/cell.json", CELL)
    if cell is None:
        return None
    training = with_todays_names(read(f"{folder}/training.json", TRAINING))
    evaluations = {
        path.rpartition("/")[2].removesuffix(".json"): evaluation
        for path in json_files(f"{folder}/evaluations")
        if (evaluation := read(path, EVALUATION))
    }
    attempts = attempt_files(f"{folder}/attempts")
    last = read(attempts[-1], ATTEMPT) if attempts else None
    return CellRecord(folder.rpartition("/")[2], cell, training, evaluations, failure_of(last))


def failure_of(attempt: dict[str, Any] | None) -> dict[str, Any] | None:
    return attempt if attempt and attempt["status"] != "ok" else None
