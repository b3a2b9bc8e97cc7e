"""What has to be said with a table: how to read it, what it rests on, what failed, where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from harness.leaderboard.grids import footnotes
from harness.leaderboard.tables import Column, Score, Table
from harness.leaderboard.text import clean, natural, number, settings
from harness.records import CellRecord

READING = (
    "How to read: mean over seeds ± half of its 95 % t-interval, accuracies in %; in brackets the rank in the column, "
    "1 + the number of methods whose whole interval is better. Bold is rank 1: no method is separated above it. "
    "Rows are sorted by their mean rank."
)
NOTHING = "No results yet."

_SOFTWARE = ("harness", "commit", "torch", "python")
_HARDWARE = ("device", "cpu", "cores", "threads", "platform")


def notes(table: Table) -> list[str]:
    """One line each, in plain text."""
    lines = [
        *_intervals(table),
        *_protocols(table),
        *_partial_ranks(table),
        *_directions(table),
        *_units(table),
        "Costs are means over seeds; evaluation is the sum of all evaluators.",
        *_mixed(table),
        *_unfinished(table),
    ]
    return [clean(line) for line in lines]


def failures(table: Table) -> list[str]:
    """A line for each failed cell."""
    return [
        f"{row.label}, seed {cell.cell['seed']}: {clean(cell.failure.get('status', 'failed'), 40)}. "
        f"{clean(cell.failure.get('message') or 'no message', 300)}"
        for row in table.rows
        for cell in row.cells
        if cell.failure
    ]


def provenance(table: Table) -> list[str]:
    """Where the numbers come from: suite, budget, components with their options, versions, hardware, time."""
    cells = table.cells
    first = cells[0].cell
    methods = [(row.label, row.cells[0].cell) for row in table.rows]
    lines = [
        f"Suite: {_joined(cell.cell.get('suite') for cell in cells)}",
        f"Budget for all: {settings(first.get('suite_budget') or {}) or 'none'}",
        f"Dataset: {_component(first['dataset'])}",
        f"Backbone: {_component(first['backbone'])}",
        *(f"Method {label}: {_component(cell['method'])}{_own_budget(cell)}" for label, cell in methods),
        *(f"Evaluator {label}: {_component(component)}" for label, component in _evaluators(table)),
        f"Versions: {', '.join(_versions(table))}",
        *(f"Hardware: {line}" for line in _hardware(cells)),
    ]
    started = sorted(str(each["started"]) for cell in cells for each in _provenances(cell) if each.get("started"))
    if started:
        lines.append("Started: " + (started[0] if started[0] == started[-1] else f"{started[0]} to {started[-1]}"))
    return [clean(line) for line in lines]


def _intervals(table: Table) -> list[str]:
    scored = [(row.label, score) for row in table.rows for score in row.scores if score]
    counts = sorted({score.interval.n for _, score in scored if score.interval.n > 1})
    single = sorted({label for label, score in scored if score.interval.n == 1}, key=natural)
    lines = []
    if counts:
        over = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        lines.append(f"± is over {over} seeds: how sure the mean over seeds is, apart from the spread within a seed.")
    if single:
        who = ", ".join(single) if counts else "all methods"
        lines.append(f"One seed only, hence no interval and no rank: {who}.")
    return lines


def _protocols(table: Table) -> list[str]:
    lines = []
    for protocol, sign in footnotes(table).items():
        usual = _joined(
            column.protocol or "unnamed"
            for row in table.rows
            for column, score in zip(table.columns, row.scores, strict=True)
            if score and score.protocol == protocol != column.protocol
        )
        name = protocol or "unnamed protocol"
        lines.append(f"{sign} {name}: not comparable with the column's protocol ({usual}), so not ranked.")
    return lines


def _partial_ranks(table: Table) -> list[str]:
    ranked = max((len(row.ranks) for row in table.rows), default=0)
    partial = [row for row in table.rows if 0 < len(row.ranks) < ranked]
    if not partial:
        return []
    each = ", ".join(f"{row.label} ({len(row.ranks)} of {ranked})" for row in partial)
    return [f"Mean rank over fewer columns: {each}."]


def _directions(table: Table) -> list[str]:
    return [] if all(column.higher_is_better for column in table.columns) else ["↓ lower is better."]


def _units(table: Table) -> list[str]:
    """What one seed's score is a mean of, and how sure it is; kept apart from the interval over seeds."""
    scored = [[score for row in table.rows if (score := row.scores[i])] for i in range(len(table.columns))]
    each = [_made_of(column, scores) for column, scores in zip(table.columns, scored, strict=True)]
    if not each:
        return []
    return [
        f"A seed's score is itself a mean: {'; '.join(each)}. Here ± is the median half of the 95 % intervals within "
        "one seed, another thing than the table's ±."
    ]


def _made_of(column: Column, scores: Sequence[Score]) -> str:
    counts = sorted({int(each) for each in _all(scores, "n")})
    units = _joined(f"{unit}s" for unit in _all(scores, "unit")) or "units"
    many = " to ".join(f"{each:,}" for each in dict.fromkeys((*counts[:1], *counts[-1:]))) or "unknown"
    widths = [float(each) for each in _all(scores, "half_width") if float(each) == float(each)]  # not NaN
    within = f" (± {number(median(widths), percent=column.percent)})" if widths else ""
    return f"{column.title} over {many} {units}{within}"


def _all(scores: Iterable[Score], name: str) -> list[Any]:
    return [metric[name] for score in scores for metric in score.metrics if metric.get(name) is not None]


def _mixed(table: Table) -> list[str]:
    """Costs can be compared on one machine with one torch; scores are shown either way."""
    stages = [
        [cell.training["provenance"] for cell in table.cells if cell.training and cell.training.get("provenance")],
        [each["provenance"] for cell in table.cells for each in cell.evaluations.values() if each.get("provenance")],
    ]
    differing = [
        name
        for name in (*_SOFTWARE, *_HARDWARE)
        if any(len({str(each.get(name)) for each in stage}) > 1 for stage in stages)
    ]
    if not differing:
        return []
    costly = [name for name in differing if name == "torch" or name in _HARDWARE]
    what = "costs are not comparable, and scores may differ a little for it" if costly else "see the provenance"
    return [f"Cells of this table differ in {', '.join(differing)}: {what}."]


def _unfinished(table: Table) -> list[str]:
    lines = []
    for row in table.rows:
        done = {cell.cell["seed"] for cell in row.cells if cell.evaluations or cell.failure}
        left = [str(seed) for seed in table.seeds if seed not in done]
        if left:
            lines.append(f"Not run to the end: {row.label}, seed {', '.join(left)}.")
    if table.repeated:
        lines.append(f"{table.repeated} earlier records of the same method and seed are left out.")
    return lines


def _component(component: Mapping[str, Any]) -> str:
    details = {**component.get("options", {})}
    if component.get("fingerprint"):
        details["fingerprint"] = component["fingerprint"]
    listed = settings(details)
    return f"{component['name']} ({listed})" if listed else str(component["name"])


def _own_budget(cell: Mapping[str, Any]) -> str:
    """What the method's budget has beside the suite's."""
    common = cell.get("suite_budget") or {}
    own = {key: value for key, value in (cell.get("budget") or {}).items() if common.get(key, _own_budget) != value}
    return f"; budget {settings(own)}" if own else ""


def _evaluators(table: Table) -> list[tuple[str, Mapping[str, Any]]]:
    """Each evaluator once, in the order of the columns."""
    found = {key: each["evaluator"] for cell in table.cells for key, each in cell.evaluations.items()}
    labels = {column.key[0]: column.label for column in reversed(table.columns)}
    order = dict.fromkeys(column.key[0] for column in table.columns)
    return [(labels[key], found[key]) for key in order]


def _versions(table: Table) -> list[str]:
    """Distributions that the components come from, and what they ran on."""
    components = [cell.cell[kind] for cell in table.cells for kind in ("method", "backbone", "dataset")]
    components += [component for _, component in _evaluators(table)]
    plugins = {f"{each['distribution']} {each['version']}" for each in components if each.get("distribution")}
    everything = [each for cell in table.cells for each in _provenances(cell)]
    software = [f"{name} {value}" for name in _SOFTWARE if (value := _joined(each.get(name) for each in everything))]
    return [*software, *sorted(plugins, key=natural)]


def _hardware(cells: Iterable[CellRecord]) -> list[str]:
    """Each machine once, with the number of its cells if there are several."""
    machines: Counter[str] = Counter()
    for cell in cells:
        machines.update({_machine(each) for each in _provenances(cell)})
    several = len(machines) > 1
    return [f"{each} ({count} cells)" if several else each for each, count in sorted(machines.items())]


def _machine(provenance: Mapping[str, Any]) -> str:
    counted = [f"{provenance[name]} {name}" for name in ("cores", "threads") if provenance.get(name) is not None]
    named = [str(provenance[name]) for name in ("device", "cpu") if provenance.get(name)]
    return ", ".join([*named, *counted, *([str(provenance["platform"])] if provenance.get("platform") else [])])


def _provenances(cell: CellRecord) -> list[Mapping[str, Any]]:
    stages = [cell.training, *(cell.evaluations[key] for key in sorted(cell.evaluations))]
    return [stage["provenance"] for stage in stages if stage and stage.get("provenance")]


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(sorted({str(value) for value in values if value is not None}, key=natural))
