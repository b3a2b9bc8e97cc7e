"""Reads and writes the file of a baseline: a snapshot as JSON, with a checksum, to be committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Any

from harness.base.atomic_files import ANY, DamagedError, read_json, write_json
from harness.base.errors import UsageError
from harness.reporting.gate.snapshot import BySeed, Evaluation, Group, Key, Scores, Snapshot, name
from harness.store.records import display_of, step

VERSION = 2  # 1: without bounds
NUMBER = (int, float, NoneType)
SEEDS = {ANY: NUMBER}
METRIC = {"unit": str, "n": int, "higher_is_better": bool, "protocol": str, "half_width": NUMBER, "values": SEEDS}
SHOWN = {"shown": (str, NoneType), "step": NUMBER}  # not in a baseline of before metrics said so
BOUND = {"bound": str, "excess": SEEDS}
AXIS = {"name": str, "options": dict}
GROUP = {
    **dict.fromkeys(("dataset", "backbone", "method"), str),
    "identity": {**dict.fromkeys(("dataset", "backbone", "method"), AXIS), "budget": dict},
    "cells": {ANY: str},
    "costs": {ANY: SEEDS},
    "evaluations": {
        ANY: {"id": str, "evaluator": {**AXIS, "version": str}, "metrics": {ANY: {**METRIC, **BOUND, **SHOWN}}}
    },
}
FILE = {
    **{"baseline": int, "suite": str, "groups": {ANY: GROUP}},
    **{key: {ANY: str} for key in ("versions", "hardware")},
}


def save(path: Path, made: Snapshot) -> None:
    """The same records give the same bytes. Raises UsageError for no cells at all, for cells that failed and for cells
    without all of their scores: no run is measured by those, and the gate would not see that they are gone."""
    failed = [
        f"{name(key)} · seed {seed} ({why})" for key, g in made.groups.items() for seed, why in g.failures.items()
    ]
    _refuse("cells that failed", failed, "Run them again.")
    _refuse("cells without all of their scores", list(_unscored(made)), "Finish the run first.")
    if not made.groups:
        raise UsageError("no baseline was written: there is no cell with a score.")
    groups = {}
    for key, group in made.groups.items():
        body = {part: each for part, each in asdict(group, dict_factory=_told).items() if part != "failures"}
        groups[name(key)] = {**dict(zip(("dataset", "backbone", "method"), key, strict=True)), **body}
    rest = {"suite": made.suite, "versions": made.versions, "hardware": made.hardware, "groups": groups}
    write_json(path, {"baseline": VERSION, **rest})


def _told(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Without the means over first units, where there are none."""
    return {key: each for key, each in fields if each or key != "prefixes"}


def _refuse(what: str, found: list[str], advice: str) -> None:
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise UsageError(f"no baseline was written, because there are {what}: {found[0]}{more}. {advice}")


def _unscored(made: Snapshot) -> Iterator[str]:
    """Each cell that has no score, or none of a metric that another seed of its group has, or one that is no number."""
    for key, group in made.groups.items():
        metrics = [
            (f"no {label} {metric}", scores.values)
            for label, evaluation in group.evaluations.items()
            for metric, scores in evaluation.metrics.items()
        ]
        for seed in group.cells:
            lacking = [why for why, values in metrics if values.get(seed) is None] if metrics else ["no score"]
            if lacking:
                yield f"{name(key)} · seed {seed} ({', '.join(lacking)})"


def load(path: Path) -> Snapshot:
    """Raises UsageError if there is no such file or it is of another version, DamagedError for a damaged one."""
    value = read_json(path, {"baseline": int})
    if value is None:
        raise UsageError(f"{path}: there is no such file; 'harness baseline DIR --output {path}' makes one.")
    if value["baseline"] != VERSION:
        raise UsageError(
            f"{path}: is a baseline of version {value['baseline']}, and this harness reads version {VERSION}. "
            f"Make it again with 'harness baseline DIR --output {path}'."
        )
    read_json(path, FILE)  # for its shape
    try:
        groups = dict(map(_group, value["groups"].values()))
    except ValueError as error:
        raise DamagedError(path, f"a seed is no number: {error}") from error
    return Snapshot(value["suite"], value["versions"], value["hardware"], groups)


def _group(value: Mapping[str, Any]) -> tuple[Key, Group]:
    cells = {int(seed): id_ for seed, id_ in value["cells"].items()}
    costs = {cost: _by_seed(values) for cost, values in value["costs"].items()}
    evaluations = {
        label: Evaluation(
            each["id"], each["evaluator"], {metric: _scores(metric, said) for metric, said in each["metrics"].items()}
        )
        for label, each in value["evaluations"].items()
    }
    key = (value["dataset"], value["backbone"], value["method"])
    return key, Group(value["identity"], cells, {}, costs, evaluations)


def _scores(metric: str, value: Mapping[str, Any]) -> Scores:
    said: dict[str, Any] = {key: value.get(key) for key in METRIC if key != "values"}
    said |= {
        "shown": display_of(metric, value),
        "step": step(metric, value) if value.get("step") is None else value["step"],
    }
    prefixes = {int(seed): means for seed, means in (value.get("prefixes") or {}).items()}
    said |= {"bound": value["bound"], "prefixes": prefixes}
    return Scores(**said, values=_by_seed(value["values"]), excess=_by_seed(value["excess"]))


def _by_seed(values: Mapping[str, Any]) -> BySeed:
    return {int(seed): None if each is None else float(each) for seed, each in values.items()}
