"""Writes docs/performance.md from the committed results: `uv run python perf/render.py`."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
ORDER = (
    "simclr",
    "augmentation",
    "maml",
    "protonet",
    "episodes",
    "evaluation",
    "adaptation",
    "seeds",
    "streaming",
    "quickstart",
)
HEAD = """\
# Performance

This page compares the speed of the harness with other libraries, and lists its overheads. It is made by
`uv run python perf/render.py` from `perf/results/*.json`; do not edit it by hand. `perf/README.md` describes the
measurements.

All contestants ran on the same machine in one run, in turn. They did the same work, except where a section says what a
row leaves out. Rates are medians over the rounds; the range has the minimum and the maximum. A ratio is the first
contestant's rate divided by this one's, as a median over the rounds. Above 1, the first contestant is faster.
"""


def page(folder: Path = HERE / "results") -> str:
    """The whole document."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    results = [result for result in found if "races" in result]
    sections = []
    for name in ORDER:
        runs = [result for result in results if result["name"] == name]
        if runs:
            sections.append("\n".join(section(name, runs)))
    overheads = folder / "overheads.json"
    if overheads.exists():
        sections.append("\n".join(overhead_lines(json.loads(overheads.read_text(encoding="utf-8")))))
    report = folder / "report.json"
    if report.exists():
        sections.append("\n".join(report_lines(json.loads(report.read_text(encoding="utf-8")))))
    return "\n".join([HEAD, *sections])


TARGETS = {  # seconds
    "harness --help": 0.1,
    "harness list": 0.3,
    "harness plan, 10,000 cells": 2.0,
    "harness leaderboard, 10,000 records": 3.0,
    "harness run, one cell without work": 3.0,
    "per cell beyond its work": 0.1,
}


def overhead_lines(run: Mapping[str, Any]) -> list[str]:
    """What the harness costs around the work, and what it is to cost at most."""
    machine = run["machine"]
    lines = [
        "## Overheads",
        "",
        f"Seconds of whole processes, medians of {run['repeats']}. `per cell` is the time from one cell's end to the "
        "next one's, one at a time, without the evaluator. It includes a process, the plan, the data set, the record.",
        "",
        f"On {machine['cpu']}, {machine['cores']} cores; Python {machine['python']}, torch {machine['torch']}.",
        "",
        "| | seconds | target: at most | |",
        "|---|---:|---:|---|",
    ]
    for name, seconds in run["seconds"].items():
        most = TARGETS.get(name)
        verdict = "" if most is None else "met" if seconds <= most else f"missed by {100 * (seconds / most - 1):.0f} %"
        lines.append(f"| {name} | {seconds:.3f} | {'' if most is None else f'{most:g}'} | {verdict} |")
    return [*lines, ""]


LARGEST, SLOWEST = 5.0, 3.0  # MB and seconds to load, of a report of 500 records


def report_lines(run: Mapping[str, Any]) -> list[str]:
    """What a report weighs, and how fast it is made and loads."""
    machine, reports = run["machine"], run["reports"]
    loaded = [each["seconds_to_load"] for each in reports.values() if each["seconds_to_load"] is not None]
    met = all(each["megabytes"] < LARGEST for each in reports.values()) and all(each < SLOWEST for each in loaded)
    lines = [
        "## Reports",
        "",
        "`harness report` of the committed references and of a folder of 500 invented records (10 settings, 2 "
        "backbones, 5 data sets, 5 seeds, 4 evaluators, with 500 logged steps and per-episode values). Loading was "
        f"timed in a newly started Chromium, medians of {run['repeats']}: the load event and the first frame after it.",
        "",
        f"On {machine['cpu']}, {machine['cores']} cores; Python {machine['python']}.",
        "",
        "| | records | MB | core-s to make | s to load | s to the first frame |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, each in reports.items():
        seconds = [each[key] for key in ("core_seconds_to_make", "seconds_to_load", "seconds_to_first_frame")]
        shown = " | ".join("" if value is None else f"{value:.2f}" for value in seconds)
        lines.append(f"| {name} | {each['records']} | {each['megabytes']:.2f} | {shown} |")
    verdict = "met" if met and loaded else "not met"
    return [*lines, "", f"Target: at most {LARGEST:g} MB and {SLOWEST:g} s to load: {verdict}.", ""]


def core_lines(run: Mapping[str, Any]) -> list[str]:
    """What a race took of the processor, and what follows from it."""
    taken = [
        (f"{race['title']}, {name}", each)
        for race in run["races"]
        for name, each in race.get("core_seconds", {}).items()
    ]
    lines = [f"- Measured: {name}: {1000 * median(values):.2f} core-ms per picture." for name, values in taken]
    needs = run.get("calculated", {}).get("cores_for_pictures_per_second", {})
    lines += [f"- Calculated: reading {int(rate):,} pictures/s takes {cores} cores." for rate, cores in needs.items()]
    return [*lines, ""] if lines else []


def section(name: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One comparison: the explanation that opens its script, then its tables for each device."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    title, _, explanation = text.partition("\n")
    lines = [f"## {title}", "", explanation.strip(), ""]
    for run in runs:
        lines += [conditions(run), ""]
        for race in run["races"]:
            lines += race_lines(race)
        lines += core_lines(run)
    return lines


def conditions(run: Mapping[str, Any]) -> str:
    """On what, and how, a run was taken."""
    machine = run["machine"]
    hardware = ", ".join(str(machine[part]) for part in ("gpu", "cpu") if part in machine)
    loaders = f", {run['loader_workers']} loader processes for the peers" if run["loader_workers"] else ""
    text = (
        f"On {run['device']} ({hardware}, {machine['cores']} cores; Python {machine['python']}, torch "
        f"{machine['torch']}); {run['repetitions']} rounds, threads: {run['threads']}, {run['precision']}{loaders}."
    )
    return f"{text} **A quick trial, not a measurement.**" if run["quick"] else text


def race_lines(race: Mapping[str, Any]) -> list[str]:
    """A race's table, then what became of its targets, then the versions of what took part."""
    rates: Mapping[str, list[float]] = race["rates"]
    lines = [f"**{race['title']}**", "", f"| | {race['unit']} | range | ratio |", "|---|---:|---:|---:|"]
    first = next(iter(rates), "")
    for name, values in rates.items():
        quotient = "" if name == first else figure(ratio(rates, first, [name]))
        lines.append(
            f"| {name} | {figure(median(values))} | {figure(min(values))} – {figure(max(values))} | {quotient} |"
        )
    lines += [f"| {name} | not run: {reason} | | |" for name, reason in race["absent"].items()]
    lines.append("")
    lines += [f"- {verdict(race, target)}" for target in race["targets"]]
    return [*lines, f"- Versions: {versions(race)}.", ""]


def ratio(rates: Mapping[str, list[float]], who: str, over: Sequence[str]) -> float:
    """The median over rounds of the rate of `who` by that of the fastest of `over`."""
    fastest = [max(values) for values in zip(*(rates[name] for name in over), strict=True)]
    return median(ours / theirs for ours, theirs in zip(rates[who], fastest, strict=True))


def verdict(race: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """A target in words, and whether it is met."""
    rates, wanted = race["rates"], target["at_least"]
    over = [name for name in target["over"] if name in rates]
    rival = target["over"][0] if len(target["over"]) == 1 else f"the fastest of {', '.join(target['over'])}"
    text = f"Target: {target['who']} at least {wanted:g} × {rival}"
    if target["who"] not in rates or not over:
        return f"{text}: not measured."
    reached = ratio(rates, target["who"], over)
    if reached >= wanted:
        return f"{text}: {figure(reached)}, met."
    return f"{text}: {figure(reached)}, missed by {100 * (1 - reached / wanted):.1f} %."


def versions(race: Mapping[str, Any]) -> str:
    """Each distribution once; a contestant that has another version of one is named with it."""
    seen: dict[str, dict[str, list[str]]] = {}
    for contestant, its in race["versions"].items():
        for distribution, number in its.items():
            seen.setdefault(distribution, {}).setdefault(number, []).append(contestant)
    return ", ".join(
        f"{distribution} {number}" + (f" ({', '.join(contestants)})" if len(numbers) > 1 else "")
        for distribution, numbers in seen.items()
        for number, contestants in numbers.items()
    )


def figure(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
