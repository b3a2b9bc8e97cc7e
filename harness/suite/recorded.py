"""Rebuilds a cell from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.base.errors import UsageError
from harness.base.version import own_version
from harness.plugins.options import parse
from harness.plugins.registry import OF, Kind, Registry
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component
from harness.suite.weights import weights_of

AXES: tuple[Kind, ...] = ("method", "backbone", "dataset")


def recorded_cell(id_: str, described: Mapping[str, Any], registry: Registry) -> Cell:
    """`described`: what cell.json says. Paths in it are meant from where the command runs, as they were in the run.

    Raises UsageError if what is installed here, or the data as they are now, make another cell of it.
    """
    try:
        cell = _cell(described, registry)
        same = cell.id == id_
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the record of {id_} does not say what cell it is ({error!r}).") from error
    if not same:
        why = "; ".join(_moved(described, registry)) or "its data, or a file that it starts from, are others now"
        raise UsageError(f"{cell.name()} would be another cell now: {why}.")
    return cell


def _cell(described: Mapping[str, Any], registry: Registry) -> Cell:
    """With the cells that it starts from, nearest first in `starts`."""
    start: Cell | None = None
    for each in [*reversed(described.get("starts") or ()), described]:
        budget, optimizer = _budget(each["budget"], registry)
        method, backbone, dataset = (component(registry, axis, {**described, **each}[axis]) for axis in AXES)
        start = Cell(
            described["suite"],
            method,
            backbone,
            dataset,
            seed=described["seed"],
            budget=budget,
            suite_budget=described.get("suite_budget") or {},
            optimizer=optimizer,
            start=start,
            scored=bool(described.get("scored", True)),
        )
    assert start is not None
    return start


def _budget(described: Mapping[str, Any], registry: Registry) -> tuple[Budget, Component | None]:
    """A bundled optimizer without options is its name alone."""
    optimizer = described.get("optimizer")
    if not isinstance(optimizer, Mapping):
        return Budget(**described), None
    return Budget(**{**described, "optimizer": optimizer["name"]}), component(registry, "optimizer", optimizer)


def component(registry: Registry, kind: Kind, saved: Mapping[str, Any]) -> Component:
    """A component as `Component.as_json` has it. Raises UsageError if its plugin is not installed."""
    spec, where = registry.get(kind, f"{saved['distribution']}:{saved['name']}"), saved.get("where", "")
    config: Any = parse(spec.config, saved["options"], lambda _: where, owner=saved["name"])
    data = component(registry, "dataset", saved["data"]) if "data" in saved else None
    parts = {name: component(registry, "dataset", each) for name, each in sorted(saved.get(OF, {}).items())}
    label = saved.get("label", saved["name"])
    return Component(spec, config, label, where, data, weights_of(saved), saved.get("judge"), parts)


def _moved(described: Mapping[str, Any], registry: Registry) -> Iterator[str]:
    """The versions that it was made with and that are not installed."""
    if described.get("harness") != own_version():
        yield f"it was made by harness {described.get('harness')}, and {own_version()} is installed"
    for axis in AXES:
        saved = described[axis]
        spec = registry.get(axis, f"{saved['distribution']}:{saved['name']}")
        if spec.origin.version != saved["version"]:
            yield f"its {axis} is of {saved['distribution']} {saved['version']}, and {spec.origin.version} is installed"
