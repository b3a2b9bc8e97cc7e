"""Writes a suite that runs the cells of one row of a table again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.plugins.manager import bundled
from harness.plugins.registry import OF
from harness.reporting.leaderboard.tables import Row, Table
from harness.suite.weights import KEY, weights_of


def suite(table: Table, row: Row) -> str:
    """YAML with the row's components, their options, its budget and seeds, and the evaluators that scored it.

    Its cells have the ids of the row's, so `harness run` takes them for the same.
    """
    import yaml

    cell = row.cells[0].cell
    scored = [one for one in row.cells if one.evaluations] or table.cells  # a row that only failed: what others met
    evaluations = {  # a judge is another cell, which the row's own suite does not have
        key: each for one in scored for key, each in one.evaluations.items() if not each["evaluator"].get("judge")
    }
    labels: dict[str, Any] = {}
    for each in sorted(evaluations.values(), key=lambda each: str(each["label"])):
        label = str(each["label"])
        while label in labels:
            label += " again"
        labels[label] = {"use": _use(each["evaluator"]), **_options(each["evaluator"]), **_data(each["evaluator"])}
    method, *starts = _methods(cell)
    content = {
        "name": name(row),
        "matrix": {
            "method": [method, *starts],
            **{kind: [_labelled(cell[kind])] for kind in ("backbone", "dataset")},
            "seed": [one.cell["seed"] for one in row.cells],
        },
        "budget": _budget(cell["budget"]),
        **({"evaluators": labels} if labels else {}),
        **({"exclude": [{"method": [each["label"] for each in starts]}]} if starts else {}),
    }
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100)


def _budget(budget: Mapping[str, Any]) -> dict[str, Any]:
    """What is set of it; an optimizer may have options."""
    return {
        key: {"use": _use(value), **_options(value)} if isinstance(value, Mapping) else value
        for key, value in budget.items()
        if value is not None
    }


def _methods(cell: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The row's method, and those that it starts from, which the suite trains and does not score."""
    chain = [cell, *(cell.get("starts") or ())]
    found = []
    for number, each in enumerate(chain):
        label = str(each["method"]["label"]) if number == 0 else f"start {number}"
        entry = {**_labelled(each["method"]), "label": label}
        if number:
            entry["budget"] = _budget(each["budget"])
        if after := chain[number + 1 : number + 2]:
            entry["start"] = {"method": f"start {number + 1}", "dataset": _labelled(after[0]["dataset"])}
        found.append(entry)
    return found


def name(row: Row) -> str:
    """Of the suite and its file."""
    return re.sub(r"[^a-z0-9]+", "-", row.label.lower()).strip("-")[:60] or "row"


def command(row: Row) -> str:
    return f"harness run {name(row)}.yaml"


def _data(evaluator: Mapping[str, Any]) -> dict[str, Any]:
    """The data set that an evaluator has of its own."""
    return {"data": _labelled(evaluator["data"])} if evaluator.get("data") else {}


def _labelled(component: Mapping[str, Any]) -> dict[str, Any]:
    parts = {OF: {name: _labelled(each) for name, each in component[OF].items()}} if component.get(OF) else {}
    named = {"use": _use(component), "label": str(component["label"])}
    return {**named, **_options(component), **parts, **_start(component)}


def _start(component: Mapping[str, Any]) -> dict[str, Any]:
    """The file that a backbone starts from."""
    start = weights_of(component)
    return {KEY: start.as_option()} if start else {}


def _use(component: Mapping[str, Any]) -> str:
    """A stranger's may have a name that a bundled one has."""
    distribution = component.get("distribution")
    return (
        f"{distribution}:{component['name']}" if distribution and distribution not in bundled() else component["name"]
    )


def _options(component: Mapping[str, Any]) -> dict[str, Any]:
    return _given(component["options"])


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None, which is what is not set."""
    return {
        key: _given(value) if isinstance(value, Mapping) else value
        for key, value in options.items()
        if value is not None
    }
