"""A snapshot: the scores and costs of a run by seed, made from records or read from a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from harness.base.errors import UsageError
from harness.plugins.registry import OF
from harness.reporting.leaderboard.text import clean, natural
from harness.store.records import CellRecord, display_of, scored_records, shared_units, step

BySeed = dict[int, float | None]
Key = tuple[str, str, str]  # labels of data set, backbone, method
COSTS = {"speed": "samples_per_second", "memory": "peak_memory_mb"}  # of the training, as the gate names them
HARDWARE = ("platform", "cpu", "cores", "threads", "device")
VERSIONS = ("harness", "torch", "python", "commit")


@dataclass(frozen=True)
class Scores:
    """One metric: its value for each seed (None: not a number), of `n` units. half_width: half the 95 % interval
    within a seed, the widest of any: how closely a training was measured, and nothing of another training. shown: as
    records say. step: between the values that there can be; 0 where it is not known.
    bound: what it should not exceed, if it says so. excess: how much better each seed is, less both half widths.
    prefixes: of each seed the means over its first units, by number, where units decide how many there are.
    """

    unit: str
    n: int
    higher_is_better: bool
    protocol: str
    half_width: float | None
    values: BySeed
    bound: str = ""
    excess: BySeed = field(default_factory=dict)
    shown: str = "plain"
    step: float = 0.0
    prefixes: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def exceeds(self) -> bool:
        """Whether the score is better than its bound, by more than one training's samples or episodes explain."""
        known = [each for each in self.excess.values() if each is not None]
        return bool(known) and fmean(known) > 0


@dataclass(frozen=True)
class Evaluation:
    """All that an evaluator said of a group. `id` is that of the evaluator with its options and version."""

    id: str
    evaluator: Mapping[str, Any]
    metrics: dict[str, Scores] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """The cells that differ by seed only. `cells`: their ids; `failures`: why a seed has not all of its scores."""

    identity: Mapping[str, Any]
    cells: dict[int, str] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    costs: dict[str, BySeed] = field(default_factory=dict)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """One run. `versions` and `hardware`: each name with the values that its records give, joined by " / "."""

    suite: str
    versions: dict[str, str]
    hardware: dict[str, str]
    groups: dict[Key, Group]


def snapshot(records: Iterable[CellRecord], source: str) -> Snapshot:
    """Of records in any order. Raises UsageError if two of them, or two evaluations of one, have the same labels: the
    folder has kept what was run before something changed, and which of them is meant cannot be told."""
    groups: dict[Key, Group] = {}
    ordered = sorted(
        scored_records(records), key=lambda record: (tuple(map(natural, _key(record))), record.cell["seed"], record.id)
    )
    for record in ordered:
        key, seed = _key(record), int(record.cell["seed"])
        group = groups.setdefault(key, Group(_identity(record)))
        if seed in group.cells:
            raise UsageError(
                f"{source}: holds two cells '{name(key)} · seed {seed}', {group.cells[seed]} and {record.id}, from "
                "before and after a change. 'harness forget "
                f"{source} --not-in SUITE --yes' removes the cells that the suite has no longer."
            )
        group.cells[seed] = record.id
        if record.failure:
            group.failures[seed] = clean(f"{record.failure['status']}: {record.failure['message']}", 200)
        for cost, field_ in COSTS.items():
            group.costs.setdefault(cost, {})[seed] = _number((record.training or {}).get(field_))
        _add_scores(group, record, seed, source)
    suites = {str(record.cell["suite"]) for record in ordered}
    versions = _joined([*_said(ordered, VERSIONS), *_versions(ordered)])
    return Snapshot(" / ".join(sorted(suites)), versions, _joined(_said(ordered, HARDWARE)), groups)


def name(key: Key) -> str:
    """As `Cell.name` has it, without the seed."""
    dataset, backbone, method = key
    return f"{method} · {backbone} · {dataset}"


def _key(record: CellRecord) -> Key:
    dataset, backbone, method = (clean(record.cell[axis]["label"]) for axis in ("dataset", "backbone", "method"))
    return dataset, backbone, method


def _identity(record: CellRecord) -> dict[str, Any]:
    cell = record.cell
    axes = {axis: component(cell[axis]) for axis in ("method", "backbone", "dataset")}
    starts = {str(number): _start(each) for number, each in enumerate(cell.get("starts") or (), 1)}
    return {**axes, "budget": _budget(cell["budget"]), "suite_budget": cell.get("suite_budget")} | (
        {"starts": starts} if starts else {}
    )


def _budget(budget: Mapping[str, Any]) -> dict[str, Any]:
    return {key: component(each) if isinstance(each, Mapping) else each for key, each in budget.items()}


def _start(described: Mapping[str, Any]) -> dict[str, Any]:
    """Without versions: they are what is being checked."""
    parts = {axis: component(described[axis]) for axis in ("method", "dataset")}
    named = {axis: {key: each for key, each in part.items() if key != "version"} for axis, part in parts.items()}
    return {**named, "budget": _budget(described["budget"])}


def component(described: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a result, of a component as a record describes it."""
    options = {key: each for key, each in described["options"].items() if key in described["decides"]}
    keys = ("name", "distribution", "version", "fingerprint", "weights")
    named = {key: described[key] for key in keys if key in described}
    own = {"data": component(described["data"])} if described.get("data") else {}  # of an evaluator
    parts = {OF: {name: component(each) for name, each in described[OF].items()}} if described.get(OF) else {}
    return {**named, **own, **parts, "options": options}


def _add_scores(group: Group, record: CellRecord, seed: int, source: str) -> None:
    said: set[str] = set()
    for id_, evaluation in sorted(record.evaluations.items(), key=lambda each: natural(str(each[1]["label"]))):
        label = clean(evaluation["label"])
        known = group.evaluations.setdefault(label, Evaluation(id_, component(evaluation["evaluator"])))
        if label in said or known.id != id_:
            raise UsageError(
                f"{source}: '{name(_key(record))}' has been scored by two evaluators '{label}', {known.id} and {id_}, "
                "before and after a change. Give the suite instead of the folder, or run it into a new folder."
            )
        said.add(label)
        for metric, value in evaluation["metrics"].items():
            name_ = clean(metric)
            scores = known.metrics.get(name_) or _empty(metric, value)
            widths = [width for width in (scores.half_width, _number(value["half_width"])) if width is not None]
            values = {**scores.values, seed: _number(value["value"])}
            found = replace(scores, half_width=max(widths, default=None), values=values)
            if bound := value.get("bound"):
                excess = {**scores.excess, seed: _excess(value, bound)}
                found = replace(found, bound=clean(bound.get("protocol") or "its bound", 80), excess=excess)
            if means := value.get("prefixes"):
                numbers = {units: float(f"{mean:.6g}") for units, mean in means.items()}
                found = replace(found, prefixes={**scores.prefixes, seed: numbers})
            known.metrics[name_] = found


def paired(before: Scores, after: Scores) -> tuple[BySeed, BySeed]:
    """The values of two runs by seed, over as many first units as all seeds of both have, where this is not all."""
    sides = [each.prefixes for each in (before, after)]
    units = shared_units({"prefixes": means} for side in sides for means in side.values())
    if units is None or any(each.prefixes.keys() != each.values.keys() for each in (before, after)):
        return before.values, after.values
    first, second = ({seed: means[str(units)] for seed, means in side.items()} for side in sides)
    return dict(first), dict(second)


def _excess(metric: Mapping[str, Any], bound: Mapping[str, Any]) -> float | None:
    value, most = _number(metric["value"]), _number(bound.get("value"))
    if value is None or most is None:
        return None
    widths = [_number(each.get("half_width")) or 0.0 for each in (metric, bound)]
    return _number((value - most if metric.get("higher_is_better", True) else most - value) - sum(widths))


def _empty(name: str, metric: Mapping[str, Any]) -> Scores:
    better, protocol = bool(metric.get("higher_is_better", True)), clean(metric.get("protocol") or "", 80)
    made = Scores(clean(metric.get("unit") or "", 40), int(metric["n"] or 0), better, protocol, None, {})
    return replace(made, shown=display_of(name, metric), step=step(name, metric))


def _number(value: Any) -> float | None:
    """To six digits: a baseline is read by people, and no test is finer."""
    return float(f"{value:.6g}") if isinstance(value, int | float) and math.isfinite(value) else None


def _versions(records: Sequence[CellRecord]) -> Iterator[tuple[str, object]]:
    """Of the distributions of all components."""
    for record in records:
        described = [record.cell[axis] for axis in ("method", "backbone", "dataset")]
        described += [each for each in record.cell["budget"].values() if isinstance(each, Mapping)]
        for each in (*described, *(evaluation["evaluator"] for evaluation in record.evaluations.values())):
            yield str(each.get("distribution") or "?"), each.get("version")


def _said(records: Sequence[CellRecord], names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """What records say of where they come from."""
    for record in records:
        origin = (record.training or {}).get("provenance") or {}
        yield from ((key, origin.get(key)) for key in names)


def _joined(said: Iterable[tuple[str, object]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for key, value in said:
        if value not in (None, ""):  # a wheel knows no commit
            found.setdefault(clean(key), set()).add(clean(value))
    return {key: " / ".join(sorted(values, key=natural)) for key, values in sorted(found.items())}
