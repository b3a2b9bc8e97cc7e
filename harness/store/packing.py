"""Stores records of many cells in one file, with their common parts only once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.base.atomic_files import ANY, DamagedError, misfit, read_json
from harness.store.records import CellRecord, with_todays_names
from harness.store.schemas import CELL, EVALUATION, TRAINING

SHARED = ("method", "backbone", "dataset", "budget", "suite_budget", "provenance", "evaluator")
"""What records of many cells have in common: each is written once into a file, and counted."""
RECORD = {"cell": CELL, "training": TRAINING, "evaluations": {ANY: EVALUATION}}


def pack(records: Mapping[str, CellRecord]) -> dict[str, Any]:
    """{"parts": [value, ...], "cells": {id: {"cell": ..., "training": ..., "evaluations": {id: ...}}}}.

    A number under a key of SHARED stands for a part.
    """
    parts: dict[str, int] = {}

    def share(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: parts.setdefault(json.dumps(held, ensure_ascii=False), len(parts))
            if key in SHARED and isinstance(held, dict)
            else held
            for key, held in value.items()
        }

    cells = {
        id_: {
            "cell": share(record.cell),
            "training": share(record.training or {}),
            "evaluations": {evaluator: share(each) for evaluator, each in record.evaluations.items()},
        }
        for id_, record in records.items()
    }
    return {"parts": list(map(json.loads, parts)), "cells": cells}


def unpack(path: Path) -> dict[str, CellRecord]:
    """The records of a file that `pack` made; none without a file. Raises DamagedError."""
    try:
        value = read_json(
            path, {"parts": list, "cells": {ANY: {"cell": dict, "training": dict, "evaluations": {ANY: dict}}}}
        )
    except DamagedError as damage:
        raise _damaged(path, damage.reason) from damage
    parts, found = (value or {}).get("parts", []), {}

    def whole(packed: Mapping[str, Any]) -> dict[str, Any]:
        return {key: parts[held] if key in SHARED and type(held) is int else held for key, held in packed.items()}

    for id_, saved in (value or {}).get("cells", {}).items():
        try:
            record = {
                "cell": whole(saved["cell"]),
                "training": whole(saved["training"]),
                "evaluations": {evaluator: whole(each) for evaluator, each in saved["evaluations"].items()},
            }
        except IndexError as error:
            raise _damaged(path, "it lacks a part") from error
        if reason := misfit(record, RECORD):
            raise _damaged(path, reason)
        found[id_] = CellRecord(id_, record["cell"], with_todays_names(record["training"]), record["evaluations"], None)
    return found


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(path, reason, "sets the copies aside; the cells' own files are read")
