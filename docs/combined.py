"""Draws what few-shot methods gain from what they start from: accuracy against labelled steps, a panel for each method
and a line for each start.

`uv run python docs/combined.py RESULTS FIGURE` reads the records of benchmarks/combined.yaml and writes FIGURE, an .svg
or .png.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from harness.reporting.statistics import Interval, t_interval
from harness.store.records import CellRecord
from harness.store.results_folder import Store

EVALUATOR = "5-way 1-shot"
NAMES = {"protonet": "ProtoNet", "maml": "MAML", "meta_baseline": "Meta-Baseline"}
SCRATCH = "random weights"

Lines = Mapping[str, Mapping[str, Mapping[int, list[float]]]]  # method, start, steps: scores of the seeds


def scores(records: Iterable[CellRecord]) -> Lines:
    """Accuracies in %, of each few-shot method by what it starts from and how many steps it takes itself."""
    found: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in records:
        name = NAMES.get(record.cell["method"]["name"])
        measured = [each["metrics"] for each in record.evaluations.values() if each["label"] == EVALUATOR]
        if name and measured:
            starts = record.cell.get("starts") or ()
            start = starts[0]["method"]["label"] if starts else SCRATCH
            found[name][start][record.cell["budget"]["steps"]].append(100 * measured[0]["accuracy"]["value"])
    return found


def draw(found: Lines) -> Figure:
    """Means over seeds; bars are 95 % intervals."""
    figure = Figure(figsize=(1.4 + 3 * len(found), 3.2), layout="constrained")
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    starts = sorted({start for lines in found.values() for start in lines}, key=lambda each: (each != SCRATCH, each))
    shown = {}
    for panel, name in zip(panels, filter(found.get, NAMES.values()), strict=True):
        lines = found[name]
        for number, start in enumerate(starts):
            if points := sorted(lines.get(start, {}).items()):
                steps = [each for each, _ in points]
                means: list[Interval] = [t_interval(values) for _, values in points]
                shown[start] = panel.errorbar(
                    steps, [each.mean for each in means], [each.half_width or 0.0 for each in means],
                    color=f"C{number}", marker="o", capsize=2, label=start,
                )  # fmt: skip
        panel.set_xscale("log")
        ticks = sorted({each for line in lines.values() for each in line})
        panel.set_xticks(ticks, list(map(str, ticks)), minor=False)
        panel.set_xticks([], minor=True)
        panel.set(title=name, xlabel="labelled steps")
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel(f"{EVALUATOR} accuracy (%)")
    figure.legend([shown[start] for start in starts], starts, title="starts from", loc="outside right upper")
    return figure


if __name__ == "__main__":
    results, target = map(Path, sys.argv[1:3])
    lines = scores(Store(results).records())
    if not lines:
        sys.exit(f"{results}: no few-shot method is scored on {EVALUATOR!r} there.")
    draw(lines).savefig(target)
