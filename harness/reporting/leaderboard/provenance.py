"""Describes where the numbers of a table come from: versions, hardware and budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from harness.base.wording import quantity
from harness.plugins.registry import OF
from harness.reporting.leaderboard.identity import OTHER, own_budget
from harness.reporting.leaderboard.tables import Row, Table
from harness.reporting.leaderboard.text import clean, joined, natural, settings
from harness.store.records import CellRecord

SOFTWARE = ("harness", "commit", "torch", "python")
BATCH = "batch_size"  # of the budget; what draws episodes takes no notice of it
HARDWARE = ("device", "cpu", "cores", "threads", "platform")


def provenance(table: Table) -> list[str]:
    """Where the numbers come from: suite, budget, components with their options, versions, hardware, time."""
    cells = table.cells
    first = cells[0].cell
    rows = [(row.label, row.cells[0].cell) for row in table.rows]
    others = {row.label: number for row in table.rows if (number := _other_batches(row))}
    common = {key: each for key, each in (first.get("suite_budget") or {}).items() if key != BATCH or not others}
    kind, other = table.by, OTHER[table.by]
    lines = [
        f"Suite: {joined(cell.cell.get('suite') for cell in cells)}",
        f"Budget for all: {settings(common) or 'none'}",
        f"Dataset: {_component(first['dataset'])}",
        f"{other.capitalize()}: {_component(first[other])}",
        *(
            f"{kind.capitalize()} {row.label}: {_component(row.cells[0].cell[kind])}{_training(row, others)}"
            for row in table.rows
        ),
        *(line for label, cell in rows for line in _starts(label, cell)),
        *_published_weights(cells),
        *(f"Evaluator {label}: {_component(component)}" for label, component in _evaluators(table)),
        f"Versions: {', '.join(_versions(table))}",
        *(f"Hardware: {line}" for line in _hardware(cells)),
    ]
    started = sorted(str(each["started"]) for cell in cells for each in _provenances(cell) if each.get("started"))
    if started:
        lines.append("Started: " + (started[0] if started[0] == started[-1] else f"{started[0]} to {started[-1]}"))
    return [clean(line) for line in lines]


def _component(component: Mapping[str, Any]) -> str:
    options = component.get("options", {})
    details = {key: value for key, value in options.items() if key in component.get("decides", options)}
    if component.get("fingerprint"):
        details["fingerprint"] = component["fingerprint"]
    if component.get("weights"):
        name = PurePath(str(component.get("weights_file", ""))).name
        details |= {"weights": name, **{f"weights.{key}": value for key, value in component["weights"].items()}}
    if component.get("data"):
        details["data"] = _component(component["data"])
    details |= {f"{OF}.{name}": _component(each) for name, each in component.get(OF, {}).items()}
    listed = settings(details)
    name = str(component.get("name"))
    return f"{name} ({listed})" if listed else name


def _training(row: Row, others: Mapping[str, float]) -> str:
    """The row's own budget and, where batches are not all of the budget's `batch_size`, how large its batches are."""
    cell, number = row.cells[0].cell, _per_step(row)
    stated = row.label not in others and BATCH in own_budget(cell)
    if not others or not number or stated:
        return _own_budget(cell)
    return f"{_own_budget(cell, without=BATCH)}; {quantity(round(number), 'sample')} per step"


def _other_batches(row: Row) -> float | None:
    """How many samples its steps take, if that is not its budget's `batch_size`: those of episodes, or of pairs."""
    number = _per_step(row)
    return None if number is None or number == (row.cells[0].cell.get("budget") or {}).get(BATCH) else number


def _per_step(row: Row) -> float | None:
    """Samples of a training step; None if no step is recorded, or if the seeds differ."""
    taken = [(training.get("samples"), training.get("steps")) for cell in row.cells if (training := cell.training)]
    numbers = {
        samples / steps for samples, steps in taken if isinstance(samples, int) and isinstance(steps, int) and steps
    }
    return numbers.pop() if len(numbers) == 1 else None


def _own_budget(cell: Mapping[str, Any], without: str = "") -> str:
    own = {
        key: _component(each) if isinstance(each, Mapping) else each
        for key, each in own_budget(cell).items()
        if key != without
    }
    return f"; budget {settings(own)}" if own else ""


def _starts(label: str, cell: Mapping[str, Any]) -> Iterator[str]:
    for each in cell.get("starts") or ():
        data = f" on {_component(each['dataset'])}" if each["dataset"]["label"] != cell["dataset"]["label"] else ""
        own = _own_budget({**each, "suite_budget": cell.get("suite_budget")})
        yield f"Start of {label}: {_component(each['method'])}{data}{own}"


def _published_weights(cells: Iterable[CellRecord]) -> list[str]:
    """Of each library's weights that a backbone begins with: which file it was, and how pictures were prepared. Those
    of a file of the user's own are among the options of its backbone."""
    found = set()
    for cell in cells:
        weights = dict((cell.training or {}).get("weights") or {})
        if name := weights.pop("name", None):
            details = {**weights, **(weights.get("preprocessing") or {})}
            listed = settings({key: each for key, each in details.items() if key not in ("notes", "preprocessing")})
            found.add(f"Weights of {cell.cell['backbone']['label']}: {name} ({listed})")
    return sorted(found, key=natural)


def _evaluators(table: Table) -> list[tuple[str, Mapping[str, Any]]]:
    """Each evaluator once, in the order of the columns."""
    found = {key: each["evaluator"] for cell in table.cells for key, each in cell.evaluations.items()}
    labels = {column.key[0]: column.label for column in reversed(table.columns)}
    order = dict.fromkeys(column.key[0] for column in table.columns)
    return [(labels[key], found[key]) for key in order]


def _versions(table: Table) -> list[str]:
    """Distributions that the components come from, and what they ran on."""
    components = [cell.cell[kind] for cell in table.cells for kind in ("method", "backbone", "dataset")]
    components += [each for cell in table.cells for each in cell.cell["budget"].values() if isinstance(each, Mapping)]
    components += [component for _, component in _evaluators(table)]
    plugins = {f"{each['distribution']} {each['version']}" for each in components if each.get("distribution")}
    everything = [each for cell in table.cells for each in _provenances(cell)]
    software = [f"{name} {value}" for name in SOFTWARE if (value := joined(each.get(name) for each in everything))]
    return [*software, *sorted(plugins, key=natural)]


def _hardware(cells: Iterable[CellRecord]) -> list[str]:
    """Each machine once, with the number of its cells if there are several."""
    machines: Counter[str] = Counter()
    for cell in cells:
        machines.update({_machine(each) for each in _provenances(cell)})
    several = len(machines) > 1
    return [f"{each} ({quantity(count, 'cell')})" if several else each for each, count in sorted(machines.items())]


def _machine(provenance: Mapping[str, Any]) -> str:
    numbers = [(provenance.get(f"{name}s"), name) for name in ("core", "thread")]
    counted = [quantity(number, name) for number, name in numbers if isinstance(number, int)]
    named = [str(provenance[name]) for name in ("device", "cpu") if provenance.get(name)]
    return ", ".join([*named, *counted, *([str(provenance["platform"])] if provenance.get("platform") else [])])


def _provenances(cell: CellRecord) -> list[Mapping[str, Any]]:
    stages = [cell.training, *(cell.evaluations[key] for key in sorted(cell.evaluations))]
    return [stage["provenance"] for stage in stages if stage and stage.get("provenance")]
