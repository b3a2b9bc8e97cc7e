"""The record of one cell, as the store reads it and the leaderboard shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.suite.plan import Plan


@dataclass(frozen=True)
class CellRecord:
    """One cell with whatever it has left behind so far. Everything inside is as JSON holds it.

    cell: "suite", "seed", "method", "backbone", "dataset" (each "name", "label", "options", "distribution",
        "version" and "decides", the names of the options that decide a result; some also "fingerprint"; a backbone that
        starts from a file "weights" and "weights_file"), "budget" (this method's) and "suite_budget" (the
        suite's, for all); "starts", if it starts from another cell: that one and what that starts from, nearest first
        (each "id", "name", "method", "dataset", "budget"); "scored", False of a cell that is trained only for what
        starts from it.
    training: "seconds", "steps", "samples", "views" (the inputs of a network that its batches held), "labels" (whether
        they were drawn by labels), "samples_per_second", "peak_memory_mb", "metrics", "provenance"; "weights", what the
        backbone took from a file; "notes", what the method says of its training; "start": the "id" and seal of the
        "model" that it began with, what that has cost with all before it ("seconds", "samples", "views"), and its
        "chain", nearest first (each "id", "steps", "labels"); None if it has not been trained to the end. Older records
        lack "views", "labels" and "chain".
    evaluations: by evaluator id, which is the same for all cells that the same evaluator with the same options and
        version has scored: "label", "evaluator", "seconds", "metrics" (by name: "value", "half_width", "n", "unit",
        "higher_is_better", "protocol", "shown" and "estimate", which older records lack (see `shown` and `estimate`),
        and, if the evaluator has any, "interval", "prefixes" (means over first units, by their number), "details" and
        "bound", a metric), "provenance", "shared_with_train" (how many samples of each split are in the training split,
        too).
    failure: "status" (failed, timeout, oom, killed, interrupted), "message", "log", "signal" and "exit_code" of the
        latest attempt, if that did not end well.
    """

    id: str
    cell: Mapping[str, Any]
    training: Mapping[str, Any] | None
    evaluations: Mapping[str, Mapping[str, Any]]
    failure: Mapping[str, Any] | None


PER_SAMPLE = ("sample", "image")  # units of metrics that have one for each sample; older records say image
FORMER = {"images": "samples", "images_per_second": "samples_per_second"}  # what older records call them


def with_todays_names(training: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A training's record; those of harness 0.2 count images."""
    return None if training is None else {FORMER.get(name, name): value for name, value in training.items()}


def display_of(name: str, metric: Mapping[str, Any]) -> str:
    """How a metric is shown: "percent" or "plain". A record of before metrics said so has accuracies in percent."""
    return str(metric.get("shown") or ("percent" if name.endswith("accuracy") else "plain"))


def estimate(metric: Mapping[str, Any]) -> str:
    """What a metric's interval is of: "mean", "jackknife" or "interval". Before metrics said so, all were means."""
    return str(metric.get("estimate") or "mean")


def step(name: str, metric: Mapping[str, Any]) -> float:
    """The step between the values of a share of samples. Of episodes it is finer than one of them and not known, and a
    number that is no mean has none."""
    a_share = metric.get("unit") in PER_SAMPLE and display_of(name, metric) == "percent" and estimate(metric) == "mean"
    return 1 / float(metric["n"]) if a_share and metric.get("n") else 0.0


def shared_units(metrics: Iterable[Mapping[str, Any]]) -> int | None:
    """How many first units all of these metrics have, of one evaluator that takes as many as it needs; None for others,
    which have the same number by themselves."""
    each = [set(map(int, metric.get("prefixes") or ())) for metric in metrics]
    return max(set.intersection(*each), default=None) if each else None


def value_over(metric: Mapping[str, Any], units: int | None) -> float | None:
    """The value of a metric, or its mean over the first `units`."""
    value = metric.get("value") if units is None else metric["prefixes"][str(units)]
    return None if value is None else float(value)


def scored_records(records: Iterable[CellRecord]) -> list[CellRecord]:
    """Without those of cells that are trained only for what starts from them: they are no rows of any table."""
    return [record for record in records if record.evaluations or record.cell.get("scored", True)]


def spent(training: Mapping[str, Any] | None, name: str) -> float | None:
    """What a training cost, with all that it builds on ("seconds", "samples", "views"); None where it is not known."""
    own = (training or {}).get(name)
    before = ((training or {}).get("start") or {}).get(name, 0)
    return None if own is None or before is None else own + before


def records_of(plan: Plan, records: Iterable[CellRecord]) -> list[CellRecord]:
    """Those that a plan has, of a folder that may hold more, with the labels that its suite gives its evaluators."""
    return [_of_plan(plan, record) for record in records if record.id in plan.cells]


def _of_plan(plan: Plan, record: CellRecord) -> CellRecord:
    evaluators = plan.evaluators_of(plan.cells[record.id])
    scored = {
        id_: {**record.evaluations[id_], "label": evaluator.label}
        for id_, evaluator in evaluators.items()
        if id_ in record.evaluations
    }
    cell = record.cell if plan.cells[record.id].scored else {**record.cell, "scored": False}
    return replace(record, cell=cell, evaluations=scored)
