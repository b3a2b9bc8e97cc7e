"""Draws returns in new tasks against the steps of the environment that a training took, a line for each method.

`uv run python docs/returns.py RESULTS FIGURE.svg [STEPS:RETURN ...]` reads the curves of a results folder; published
points may follow.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.reporting.statistics import t_interval
from harness.store.points import read_points
from harness.store.results_folder import Store

STEPS = "environment steps"
WIDE = 10  # a larger ratio of steps takes a logarithmic axis
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # of Okabe and Ito, told apart by the colour-blind

Curves = dict[str, dict[float, list[float]]]  # of each method, by thousand steps: the seeds' returns


def curves(results: Path) -> tuple[Curves, str]:
    """Returns of the last episode, and its name."""
    found: Curves = defaultdict(lambda: defaultdict(list))
    last = ""
    for record in Store(results).records():
        for point in read_points(results / "cells" / record.id / "curve.jsonl"):
            if "error" in point:
                continue
            last = [name for name in point["metrics"] if name.startswith("episode ")][-1]
            thousands = point["counted"][STEPS] / 1000
            found[record.cell["method"]["label"]][thousands].append(point["metrics"][last]["value"])
    return found, last


def draw(results: Path, target: Path, published: list[tuple[float, float]]) -> None:
    mpl.rcParams |= {"svg.hashsalt": "harness", "svg.fonttype": "none"}  # the same bytes each time; text as text
    found, last = curves(results)
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    taken = [each for points in found.values() for each in points]
    scale = "log" if max(taken) > WIDE * min(taken) else "linear"
    axes = figure.add_subplot(xscale=scale, xlabel="thousand steps of the environment", ylabel=f"return of {last}")
    for (label, points), colour in zip(sorted(found.items()), COLOURS, strict=False):
        steps = sorted(points)
        means = [t_interval(points[each]) for each in steps]
        widths = [each.half_width or 0.0 for each in means]
        axes.errorbar(steps, [each.mean for each in means], widths, color=colour, marker="o", markersize=3, label=label)
    if published:
        thousands, returns = [steps / 1000 for steps, _ in published], [reached for _, reached in published]
        axes.plot(thousands, returns, "k^", label="one published seed")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, linewidth=0.4)
    figure.legend(frameon=False, loc="outside right upper")
    figure.savefig(target, metadata={"Date": None})


def point(text: str) -> tuple[float, float]:
    steps, _, reached = text.partition(":")
    return float(steps), float(reached)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]), [point(each) for each in sys.argv[3:]])
