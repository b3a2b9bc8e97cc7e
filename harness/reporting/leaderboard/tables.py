"""Builds tables from records: comparable rows, means over seeds, ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from harness.base.slugs import shorten
from harness.reporting.comparisons import Rank
from harness.reporting.leaderboard.identity import OTHER, comparable, contestant, everywhere, grouped, identity
from harness.reporting.leaderboard.places import Place, places
from harness.reporting.leaderboard.text import canonical, clean, distinguish, natural
from harness.reporting.leaderboard.view import By, View, check, matches
from harness.reporting.statistics import Interval, t_interval
from harness.store.records import CellRecord, display_of, estimate, scored_records, shared_units, step, value_over

Key = tuple[str, str]  # evaluator id, metric
ROW, COLUMN, TITLE = 60, 40, 100  # letters of the names of rows, columns and tables; more are cut in the middle
HEADERS = ("method", "backbone", "rank", "mean rank", "n")  # of the columns beside those of metrics


@dataclass(frozen=True)
class Column:
    """One metric of one evaluator. Scores of another protocol than `protocol` are shown, but not ranked. `title` is
    `full`, shortened. shown, estimate: as the records say. `alike` is equal for the same evaluator and metric on other
    data; `on` is the label of the data set that it scores on, "" for the cell's own."""

    key: Key
    label: str
    title: str
    full: str
    higher_is_better: bool
    protocol: str
    shown: str
    estimate: str
    alike: str = ""
    on: str = ""

    @property
    def percent(self) -> bool:
        return self.shown == "percent"


@dataclass(frozen=True)
class Score:
    """One row in one column, over its seeds. `metrics` are what the cells' records say, one per seed. What is compared
    with the other rows of the column has a `place`."""

    interval: Interval
    place: Place | None
    protocol: str
    metrics: tuple[Mapping[str, Any], ...]

    @property
    def rank(self) -> Rank | None:
        return self.place.rank if self.place else None

    @property
    def ties(self) -> str:
        return self.place.ties if self.place else ""

    @property
    def within(self) -> float | None:
        """Half of the interval within the only seed, over samples or episodes."""
        return self.metrics[0].get("half_width") if len(self.metrics) == 1 else None


@dataclass(frozen=True)
class Row:
    """One method (or backbone) with its options and budget; `cells` are its records, one per seed. `key` is equal for
    the same row of another table. `label` is `full`, shortened."""

    label: str
    full: str
    key: str
    cells: tuple[CellRecord, ...]
    scores: tuple[Score | None, ...]  # by column

    @property
    def seeds(self) -> int:
        """How many seeds have been scored, by any evaluator."""
        return sum(bool(cell.evaluations) for cell in self.cells)

    @property
    def ranks(self) -> list[Rank]:
        return [score.rank for score in self.scores if score and score.rank]

    @property
    def mean_rank(self) -> float | None:
        """Of the middles of the ranges."""
        return fmean(rank.middle for rank in self.ranks) if self.ranks else None


@dataclass(frozen=True)
class Table:
    """What may be compared: the same data, backbone (or method) and suite's budget. `title` is `full`, shortened."""

    key: str
    title: str
    full: str
    by: By
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]  # that any method has
    repeated: int  # records left out because a later one has the same method and seed

    @property
    def cells(self) -> list[CellRecord]:
        return [cell for row in self.rows for cell in row.cells]


def build(records: Iterable[CellRecord], view: View = View()) -> list[Table]:
    """All tables, in an order that depends on the records only. Raises UsageError for a metric that no record has."""
    by = view.by
    groups = grouped(
        sorted(scored_records(records), key=lambda record: record.id), lambda record: comparable(record, by)
    )
    full = distinguish(
        [_title(group, by) for group in groups.values()], [comparable(group[0], by) for group in groups.values()]
    )
    tables = [
        _table(key, (title, whole), group, view)
        for (key, group), title, whole in zip(groups.items(), shorten(full, TITLE), full, strict=True)
    ]
    if view.metrics:
        check(view.metrics, sorted({name for group in groups.values() for name in _names(group)}))
        tables = [table for table in tables if table.columns]
    return sorted(tables, key=lambda table: natural(table.full))


def _label(records: Iterable[CellRecord], kind: str) -> str:
    return clean(" / ".join(sorted({str(record.cell[kind]["label"]) for record in records})))


def _title(records: Sequence[CellRecord], by: By) -> str:
    return f"{_label(records, 'dataset')} · {_label(records, OTHER[by])}"


def _table(key: str, titles: tuple[str, str], records: Sequence[CellRecord], view: View) -> Table:
    by = view.by
    rivals = grouped(records, lambda record: contestant(record, by))
    full = distinguish(
        [_label(group, by) for group in rivals.values()],
        [contestant(group[0], by) for group in rivals.values()],
    )
    cells = [_one_per_seed(group) for group in rivals.values()]
    columns = _columns([cell for group in cells for cell in group], view.metrics)
    keys = [everywhere(group[0], by) for group in cells]
    by_column = [_scores(column, cells, keys) for column in columns]
    rows = [
        Row(label, whole, key, group, tuple(column[i] for column in by_column))
        for i, (label, whole, key, group) in enumerate(zip(shorten(full, ROW), full, keys, cells, strict=True))
    ]
    rows.sort(key=lambda row: (float("inf") if row.mean_rank is None else row.mean_rank, natural(row.full)))
    seeds = tuple(sorted({record.cell["seed"] for record in records}))
    return Table(key, *titles, by, tuple(columns), tuple(rows), seeds, len(records) - sum(map(len, cells)))


def _names(records: Iterable[CellRecord]) -> set[str]:
    """What a metric may be asked for by."""
    columns = _columns(records, ())
    return {name for column in columns for name in (column.title, column.full, column.label, column.key[1])}


def _one_per_seed(records: Iterable[CellRecord]) -> tuple[CellRecord, ...]:
    """By seed; of several records of a seed the one with more scores, then the later one."""

    def order(record: CellRecord) -> tuple[int, str, str]:
        started = str(((record.training or {}).get("provenance") or {}).get("started", ""))
        return len(record.evaluations), started, record.id

    latest = {record.cell["seed"]: record for record in sorted(records, key=order)}
    return tuple(latest[seed] for seed in sorted(latest))


def _columns(cells: Iterable[CellRecord], asked: Sequence[str]) -> list[Column]:
    """One per evaluator id and metric: evaluators with the same label but other options never share one. Titles do not
    depend on what is asked for."""
    found: dict[Key, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for cell in cells:
        for evaluator, evaluation in cell.evaluations.items():
            for name, metric in evaluation["metrics"].items():
                found.setdefault((evaluator, name), []).append((evaluation, metric))
    keys = sorted(found)
    lonely = Counter(evaluator for evaluator, _ in keys)
    labels = [clean(min(str(evaluation["label"]) for evaluation, _ in found[key])) for key in keys]
    full = distinguish(
        [
            label
            if lonely[key[0]] == 1 and key[1] == "accuracy" and label.lower() not in HEADERS
            else f"{label} {clean(key[1])}"
            for key, label in zip(keys, labels, strict=True)
        ],
        [identity(found[key][0][0].get("evaluator", {})) for key in keys],
    )
    columns = []
    for key, label, title, whole in zip(keys, labels, shorten(full, COLUMN), full, strict=True):
        metrics = [metric for _, metric in found[key]]
        if matches((title, whole, label, key[1]), asked):
            said = metrics[0].get("higher_is_better", True), _usual_protocol(metrics)
            how = display_of(key[1], metrics[0]), estimate(metrics[0])
            evaluator = found[key][0][0].get("evaluator", {})
            columns.append(Column(key, label, title, whole, *said, *how, _alike(evaluator, key[1]), _on(evaluator)))
    return sorted(columns, key=lambda column: natural(column.full))


def _alike(evaluator: Mapping[str, Any], metric: str) -> str:
    return canonical([{**identity(evaluator), "data": None}, metric])


def _on(evaluator: Mapping[str, Any]) -> str:
    return clean(str((evaluator.get("data") or {}).get("label", "")))


def _usual_protocol(metrics: Iterable[Mapping[str, Any]]) -> str:
    """The commonest; of equally common ones the first by alphabet ("inductive" before "transductive")."""
    counts: Counter[str] = Counter()
    for protocol, count in Counter(str(metric.get("protocol") or "") for metric in metrics).items():
        counts[clean(protocol)] += count
    return min(counts, key=lambda protocol: (-counts[protocol], protocol))


def _scores(column: Column, rows: Sequence[Sequence[CellRecord]], keys: Sequence[str]) -> list[Score | None]:
    """A column's scores by row: of all units, but compared over the first ones that all rows have."""
    evaluator, name = column.key
    found = [
        {cell.cell["seed"]: metrics[name] for cell in cells if name in (metrics := _metrics(cell, evaluator))}
        for cells in rows
    ]
    said = [{str(metric.get("protocol") or "") for metric in metrics.values()} for metrics in found]
    protocols = [" / ".join(sorted(set(map(clean, each)))) for each in said]
    grid = max((step(name, metric) for metrics in found for metric in metrics.values()), default=0.0)
    ranked = [m if p == column.protocol else {} for m, p in zip(found, protocols, strict=True)]
    units = shared_units(metric for metrics in ranked for metric in metrics.values())
    values = [{seed: _value(metric, units) for seed, metric in metrics.items()} for metrics in ranked]
    compared = places(values, keys, grid, higher_is_better=column.higher_is_better)
    return [
        Score(t_interval(map(_value, metrics.values()), grid=grid), place, protocol, tuple(metrics.values()))
        if metrics
        else None
        for metrics, place, protocol in zip(found, compared, protocols, strict=True)
    ]


def _metrics(cell: CellRecord, evaluator: str) -> Mapping[str, Any]:
    metrics: Mapping[str, Any] = cell.evaluations.get(evaluator, {}).get("metrics", {})
    return metrics


def _value(metric: Mapping[str, Any], units: int | None = None) -> float:
    value = value_over(metric, units)
    return float("nan") if value is None else value  # JSON has no NaN: a diverged score may be stored as null
