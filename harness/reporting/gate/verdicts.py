"""Compares two snapshots: a row with its verdict for each metric of each group of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import fmean

from harness.reporting.gate.changes import differences, why_not
from harness.reporting.gate.measured import Measured, absent, by_ratio, by_seed, missing_seeds
from harness.reporting.gate.rows import Row, Verdict
from harness.reporting.gate.snapshot import COSTS, BySeed, Evaluation, Group, Key, Scores, Snapshot, paired
from harness.reporting.gate.text import value
from harness.reporting.significance import holm
from harness.suite.tolerances import Gate

BOUNDED: tuple[Verdict, ...] = ("improved", "within noise", "new")
SLACK = 1e-9  # 0.8 - 0.795 is more than 0.005 by a rounding error; exactly the tolerance is not more than it


def compare(before: Snapshot, after: Snapshot, gate: Gate, *, everything: bool = False) -> list[Row]:
    """All rows, in the order of the baseline. `everything`: metrics without a tolerance, too, as if it were 0.

    Raises UsageError for a tolerance of a metric that neither has.
    """
    every = [each for run in (before, after) for group in run.groups.values() for each in _each(group)]
    gate.require({(label, metric): scores.shown for label, metric, scores in every})
    found: list[Row | Measured] = []
    for key, group in before.groups.items():
        if now := after.groups.get(key):
            found += [
                *_failure_rows(key, _unreported_failures(group, now)),
                *_scores(key, group, now, gate, everything),
            ]
            found += _costs(key, before, after, gate)
        else:
            found += _gone(key, group)
    rows = _judge(found, gate)
    added = (key for key in after.groups if key not in before.groups)
    rows += [row for key in added for row in _new(key, after.groups[key])]
    return [_within_bound(row, before, after) for row in rows]


def _within_bound(row: Row, before: Snapshot, after: Snapshot) -> Row:
    """Suspicious, if the score is better than its bound, and the baseline's was not."""
    now = _scores_of(after, row)
    if now is None or not now.exceeds or row.verdict not in BOUNDED:
        return row
    was = _scores_of(before, row)
    if was is not None and was.exceeds:
        return row
    score = value(row, fmean(each for each in now.values.values() if each is not None))
    why = "; ".join(filter(None, [f"{score} is better than {now.bound}", row.why]))
    return replace(row, verdict="suspicious", why=why)


def _scores_of(run: Snapshot, row: Row) -> Scores | None:
    """The scores that a row is of."""
    group = run.groups.get(row.key)
    evaluation = group.evaluations.get(row.evaluator) if group else None
    return evaluation.metrics.get(row.metric) if evaluation else None


def _names(group: Group) -> Iterator[tuple[str, str]]:
    return ((label, metric) for label, metric, _ in _each(group))


def _judge(found: list[Row | Measured], gate: Gate) -> list[Row]:
    """Regressed: worse by more than the tolerance, and not by chance; with one seed the tolerance has to do.
    Suspicious: better by more than the ceiling, and not by chance."""
    tested = [each for each in found if isinstance(each, Measured) and each.test]
    worse = holm([each.test.worse for each in tested if each.test])
    better = holm([each.test.better for each in tested if each.test])
    adjusted = {id(each): pair for each, pair in zip(tested, zip(worse, better, strict=True), strict=True)}
    return [each if isinstance(each, Row) else _verdict(each, adjusted.get(id(each)), gate) for each in found]


def _verdict(each: Measured, adjusted: tuple[float, float] | None, gate: Gate) -> Row:
    if adjusted is None:
        row, p = replace(each.row, why="; ".join(filter(None, ["no test: one seed", each.row.why]))), 0.0
    else:
        p = adjusted[0] if each.gain <= 0 else adjusted[1]
        row = replace(each.row, p=p)
    if abs(each.gain) <= each.limit + SLACK or p >= gate.alpha:
        return replace(row, verdict="within noise")
    if each.gain < 0:
        return replace(row, verdict="regressed")
    ceiling = gate.ceiling(row.metric, row.before, percent=row.percent, higher_is_better=row.higher_is_better)
    if not row.evaluator or ceiling is None or each.gain <= ceiling + SLACK:
        return replace(row, verdict="improved")
    points = f"{100 * ceiling:.1f} points" if row.percent else f"{ceiling:g}"
    return replace(row, verdict="suspicious", why="; ".join(filter(None, [f"better by more than {points}", row.why])))


def _gone(key: Key, group: Group) -> Iterator[Row]:
    for label, metric in list(_names(group)) or [("", "")]:
        yield Row(key, label, metric, "missing", "no such cells")


def _new(key: Key, group: Group) -> Iterator[Row]:
    yield from _failure_rows(key, group.failures)
    yield from (_row(key, *each, "new") for each in _each(group))


def _failure_rows(key: Key, failures: Mapping[int, str]) -> Iterator[Row]:
    """Rows for a group that failed, whether or not it was in the baseline."""
    more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
    for seed, why in list(failures.items())[:1]:
        yield Row(key, "", "", "failed", f"seed {seed} {why}{more}")


def _unreported_failures(was: Group, now: Group) -> dict[int, str]:
    """Failures that no row of a metric shows: of new seeds, or of seeds that still have scores of an earlier run."""
    told = {
        seed
        for label, metric, scores in _each(was)
        for seed in missing_seeds(was, now, scores.values, _values(now, label, metric))
    }
    return {seed: why for seed, why in now.failures.items() if seed not in told}


def _each(group: Group) -> Iterator[tuple[str, str, Scores]]:
    for label, evaluation in group.evaluations.items():
        for metric, scores in evaluation.metrics.items():
            yield label, metric, scores


def _values(group: Group, label: str, metric: str) -> BySeed:
    found = group.evaluations[label].metrics.get(metric) if label in group.evaluations else None
    return found.values if found else {}


def _scores(key: Key, was: Group, now: Group, gate: Gate, everything: bool) -> Iterator[Row | Measured]:
    reason = why_not(was, now)
    for label, metric, scores in _each(was):
        row = _row(key, label, metric, scores, "missing")
        row = replace(row, tolerance=gate.tolerance(label, metric, percent=row.percent))
        if gone := absent(row, was, now, scores.values, _values(now, label, metric)):
            yield gone
        elif row.tolerance is None and not everything:
            continue  # nobody has said how much of it matters, but it must be there
        else:
            evaluation = now.evaluations[label]
            current = evaluation.metrics[metric]
            why = reason or _other(was.evaluations[label], evaluation, scores, current)
            sign, grid = scores.higher_is_better, scores.step
            yield (
                replace(row, verdict="not comparable", why=why)
                if why
                else by_seed(row, *paired(scores, current), higher_is_better=sign, grid=grid)
            )
    known = set(_names(was))
    yield from (_row(key, *each, "new") for each in _each(now) if each[:2] not in known)


def _row(key: Key, label: str, metric: str, scores: Scores, verdict: Verdict) -> Row:
    percent = scores.shown == "percent"
    return Row(key, label, metric, verdict, percent=percent, higher_is_better=scores.higher_is_better)


def _other(was: Evaluation, now: Evaluation, scores: Scores, current: Scores) -> str:
    """The reason why two scores are not comparable, or ""."""
    if now.id != was.id:
        return f"another evaluator: {differences(was.evaluator, now.evaluator) or f'{was.id} → {now.id}'}"
    if scores.higher_is_better != current.higher_is_better or scores.protocol != current.protocol:
        return f"another protocol: {scores.protocol or 'none'} → {current.protocol or 'none'}"
    return ""


def _costs(key: Key, before: Snapshot, after: Snapshot, gate: Gate) -> Iterator[Row | Measured]:
    """Speed and memory, if asked for; what does not train has no speed."""
    was, now = before.groups[key], after.groups[key]
    for cost in COSTS:
        values, current = was.costs.get(cost, {}), now.costs.get(cost, {})
        trains = any(now.costs.get("speed", {}).values())
        if cost not in gate.costs or not (any(values.values()) or (trains and any(current.values()))):
            continue
        row = Row(key, "", cost, "missing", tolerance=gate.costs[cost])
        if not any(values.values()):
            yield replace(row, verdict="not comparable", why="the baseline has no number")
        elif gone := absent(row, was, now, values, current):
            yield gone
        elif reason := why_not(was, now) or _hardware(before, after):
            yield replace(row, verdict="not comparable", why=reason)
        else:
            yield by_ratio(row, values, current, higher_is_better=cost == "speed")


def _hardware(before: Snapshot, after: Snapshot) -> str:
    found = differences(before.hardware, after.hardware)
    return f"other hardware: {found}" if found else ""
