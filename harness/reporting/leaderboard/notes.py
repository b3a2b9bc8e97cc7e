"""The notes of a table: what its numbers are based on, and what failed. `reading` says how to read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import median
from typing import Any

from harness.base.wording import quantity
from harness.reporting.leaderboard.grids import footnotes
from harness.reporting.leaderboard.labels import labels
from harness.reporting.leaderboard.provenance import HARDWARE, SOFTWARE
from harness.reporting.leaderboard.starts import starts
from harness.reporting.leaderboard.tables import Column, Score, Table
from harness.reporting.leaderboard.text import clean, half, joined, natural
from harness.store.records import CellRecord, shared_units

COSTS = "Costs are means over seeds; evaluation is the sum of the evaluators shown."
MADE_OF = {
    "mean": "A seed's score is itself a mean",
    "jackknife": "No mean of units, but one number of them all, in brackets the median half of its 95 % interval "
    "within one seed, by the jackknife (Tukey 1958)",
    "interval": "Without units, in brackets the median half of the 95 % interval that its evaluator gives within "
    "one seed",
}  # by `estimate`, what is said before its columns


def notes(table: Table, *, costs: bool = True) -> list[str]:
    """One line each, in plain text. costs: whether they are shown with the scores."""
    lines = [
        *_in_full(table),
        *_intervals(table),
        *_protocols(table),
        *_seeds(table),
        *_partial_ranks(table),
        *_directions(table),
        *_percent(table),
        *_units(table),
        *_details(table),
        *_weights(table),
        *labels(table),
        *_methods(table),
        *([COSTS] if costs else []),
        *starts(table, costs=costs),
        *_shared(table),
        *_mixed(table),
        *_unfinished(table),
    ]
    return [clean(line) for line in lines]


def marks(table: Table) -> list[str]:
    """What stands in the cells of the table itself and cannot be guessed: signs of other protocols, arrows."""
    return [clean(line) for line in (*_protocols(table), *_directions(table))]


def _in_full(table: Table) -> list[str]:
    """The full names of rows and columns that are shortened in the table."""
    names = [(table.title, table.full), *((column.title, column.full) for column in table.columns)]
    names += [(row.label, row.full) for row in table.rows]
    return [f"{short} is short for: {full}" for short, full in names if short != full]


def failures(table: Table) -> list[str]:
    """A line for each failed cell. One that was interrupted is only not run to the end."""
    return [
        f"{row.label}, seed {cell.cell['seed']}: {clean(failure.get('status', 'failed'), 40)}. "
        f"{clean(failure.get('message') or 'no message', 300)}"
        for row in table.rows
        for cell in row.cells
        if has_failed(cell) and (failure := cell.failure)
    ]


def has_failed(cell: CellRecord) -> bool:
    """One that was interrupted is only not run to the end."""
    return bool(cell.failure) and (cell.failure or {}).get("status") != "interrupted"


def _intervals(table: Table) -> list[str]:
    scored = [(row.label, score) for row in table.rows for score in row.scores if score]
    counts = sorted({score.interval.n for _, score in scored if score.interval.n > 1})
    single = sorted({label for label, score in scored if score.interval.n == 1}, key=natural)
    lines = []
    if counts:
        over = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        lines.append(f"± is over {over} seeds.")
    if single:
        who = ", ".join(single) if counts else f"all {table.by}s"
        lines.append(f"One seed only, hence no rank: {who}.")
    return lines


def _protocols(table: Table) -> list[str]:
    lines = []
    for protocol, sign in footnotes(table).items():
        usual = joined(
            column.protocol or "unnamed"
            for row in table.rows
            for column, score in zip(table.columns, row.scores, strict=True)
            if score and score.protocol == protocol != column.protocol
        )
        name = protocol or "unnamed protocol"
        lines.append(f"{sign} {name}: not comparable with the column's protocol ({usual}), so not ranked.")
    return lines


def _seeds(table: Table) -> list[str]:
    """Rows of the column's protocol that have several seeds, but not those of the others."""
    odd: dict[str, set[str]] = {}
    for i, column in enumerate(table.columns):
        scores = [(row.label, score) for row in table.rows if (score := row.scores[i])]
        if any(score.place for _, score in scores):
            for label, score in scores:
                finite = isfinite(score.interval.mean)
                if not score.place and score.interval.n > 1 and score.protocol == column.protocol and finite:
                    odd.setdefault(label, set()).add(column.title)
    return [
        f"Not ranked, as it has not the seeds of the other rows: {label} in {joined(titles)}."
        for label, titles in odd.items()
    ]


def _partial_ranks(table: Table) -> list[str]:
    ranked = max((len(row.ranks) for row in table.rows), default=0)
    partial = [row for row in table.rows if 0 < len(row.ranks) < ranked]
    if not partial:
        return []
    each = ", ".join(f"{row.label} ({len(row.ranks)} of {ranked})" for row in partial)
    return [f"Mean rank over fewer columns: {each}."]


def _directions(table: Table) -> list[str]:
    return [] if all(column.higher_is_better for column in table.columns) else ["↓ lower is better."]


def _percent(table: Table) -> list[str]:
    """What is shown times 100 beside accuracies, of which the lines on reading say it."""
    also = [column.title for column in table.columns if column.percent and "accuracy" not in column.key[1]]
    return [f"Times 100: {joined(also)}."] if also else []


def _units(table: Table) -> list[str]:
    """What one seed's score is made of, and how sure it is; kept apart from the interval over seeds."""
    scored = [[score for row in table.rows if (score := row.scores[i])] for i in range(len(table.columns))]
    each: dict[str, list[str]] = {}
    for column, scores in zip(table.columns, scored, strict=True):
        each.setdefault(column.estimate, []).append(_made_of(column, scores))
    return [f"{said}: {'; '.join(each[kind])}." for kind, said in MADE_OF.items() if kind in each]


def _details(table: Table) -> list[str]:
    """What evaluators recorded of their scores: of yes and no, how many said yes; else the values, each once."""
    scored = [[score for row in table.rows if (score := row.scores[i])] for i in range(len(table.columns))]
    titles: dict[str, list[str]] = {}  # of the columns with the same details, as metrics of one evaluator often have
    for column, scores in zip(table.columns, scored, strict=True):
        found: dict[str, list[Any]] = {}
        for details in _all(scores, "details"):
            for name, value in details.items():
                found.setdefault(name, []).append(value)
        each = [f"{name} {_summed_up(found[name])}" for name in sorted(found, key=natural)]
        if each:
            titles.setdefault("; ".join(each), []).append(column.title)
    return [f"Details of {joined(columns)}: {details}." for details, columns in titles.items()]


def _weights(table: Table) -> list[str]:
    """What has to be known of the files that backbones start from: parts that were not in one, other numbers."""
    found = {
        f"{cell.cell['backbone']['label']}: {clean(note, 300)}."
        for row in table.rows
        for cell in row.cells
        for note in ((cell.training or {}).get("weights") or {}).get("notes") or ()
    }
    return sorted(found, key=natural)


def _methods(table: Table) -> list[str]:
    """What methods say of their trainings."""
    found = {
        f"{row.label}: {clean(note, 300)}."
        for row in table.rows
        for cell in row.cells
        for note in (cell.training or {}).get("notes") or ()
    }
    return sorted(found, key=natural)


def _summed_up(values: list[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return f"{sum(values)} of {len(values)}"
    if any(type(value) not in (int, float) for value in values):
        return clean(joined(values), 200)
    least, most = f"{min(values):g}", f"{max(values):g}"
    return least if least == most else f"{least} to {most}"


def _made_of(column: Column, scores: Sequence[Score]) -> str:
    widths = [float(each) for each in _all(scores, "half_width") if float(each) == float(each)]  # not NaN
    within = f" (± {half(median(widths), percent=column.percent)})" if widths else ""
    if column.estimate == "interval":
        return f"{column.title}{within}"
    counts = sorted({int(each) for each in _all(scores, "n")})
    units = joined(f"{clean(unit, 20)}{'' if counts == [1] else 's'}" for unit in _all(scores, "unit")) or "units"
    many = " to ".join(f"{each:,}" for each in dict.fromkeys((*counts[:1], *counts[-1:]))) or "unknown"
    first = shared_units(metric for score in scores if score.protocol == column.protocol for metric in score.metrics)
    compared = f", rows compared over the first {first:,}" if first and len(counts) > 1 else ""
    return f"{column.title} over {many} {units}{compared}{within}"


def _all(scores: Iterable[Score], name: str) -> list[Any]:
    return [metric[name] for score in scores for metric in score.metrics if metric.get(name) is not None]


def _shared(table: Table) -> list[str]:
    """Samples that are in the training split as well, of any split: the evaluator's options say which it scores."""
    counts: dict[str, int] = {}
    for cell in table.cells:
        for evaluation in cell.evaluations.values():
            for split, count in (evaluation.get("shared_with_train") or {}).items():
                if isinstance(count, int):
                    counts[clean(split, 40)] = max(count, counts.get(clean(split, 40), 0))
    return [
        f"Of the split '{split}', {quantity(count, 'sample is', 'samples are')} also in 'train': a score on them "
        "shows what is remembered."
        for split, count in sorted(counts.items())
    ]


def _mixed(table: Table) -> list[str]:
    """Costs can be compared on one machine with one torch; scores are shown either way."""
    stages = [
        [cell.training["provenance"] for cell in table.cells if cell.training and cell.training.get("provenance")],
        [each["provenance"] for cell in table.cells for each in cell.evaluations.values() if each.get("provenance")],
    ]
    differing = [
        name
        for name in (*SOFTWARE, *HARDWARE)
        if any(len({str(each.get(name)) for each in stage}) > 1 for stage in stages)
    ]
    if not differing:
        return []
    costly = [name for name in differing if name == "torch" or name in HARDWARE]
    what = "costs are not comparable, and scores may differ a little for it" if costly else "see the provenance"
    return [f"Cells of this table differ in {', '.join(differing)}: {what}."]


def _unfinished(table: Table) -> list[str]:
    lines = []
    for row in table.rows:
        done = {cell.cell["seed"] for cell in row.cells if cell.evaluations or has_failed(cell)}
        left = [str(seed) for seed in table.seeds if seed not in done]
        if left:
            lines.append(f"Not run to the end: {row.label}, seed {', '.join(left)}.")
    if table.repeated:
        same = "of the same method and seed"
        lines.append(
            f"{quantity(table.repeated, f'earlier record {same} is', f'earlier records {same} are')} left out."
        )
    return lines
