"""Draws docs/omniglot-maml.svg: how MAML's accuracy on its training tasks rose, from the logs in results/reference.

`uv run python docs/curves.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
CELLS = ROOT / "results" / "reference" / "omniglot-short" / "cells"
PICTURE = ROOT / "docs" / "omniglot-maml.svg"
POINTS = 5  # of a log that are one of the curve: a logged step has 4 to 16 tasks
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # of Okabe and Ito, told apart by the colour-blind
DASHES = ("-", "--", "-.", ":")


def curves(cells: Path = CELLS) -> dict[str, tuple[list[float], list[float]]]:
    """Of each MAML with second derivatives on Vinyals' split: thousands of tasks seen, and accuracy in %."""
    found = {}
    for folder in sorted(cells.iterdir()):
        cell = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
        options, split = cell["method"]["options"], cell["dataset"]["options"]["split"]
        if cell["method"]["name"] != "maml" or options["first_order"] or split != "vinyals":
            continue
        tasks = options["tasks"]
        logged = [json.loads(line) for line in (folder / "steps.jsonl").read_text(encoding="utf-8").splitlines()]
        parts = [logged[first : first + POINTS] for first in range(0, len(logged) - POINTS + 1, POINTS)]
        found[cell["method"]["label"]] = (
            [tasks * fmean(each["step"] for each in part) / 1000 for part in parts],
            [100 * fmean(each["accuracy"] for each in part) for part in parts],
        )
    return found


def draw(target: Path = PICTURE) -> None:
    mpl.rcParams |= {"svg.hashsalt": "harness", "svg.fonttype": "none"}  # the same bytes each time; text as text
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="thousand tasks seen", ylabel="accuracy on them, %")
    for (label, (tasks, accuracy)), colour, dash in zip(curves().items(), COLOURS, DASHES, strict=True):
        axes.plot(tasks, accuracy, color=colour, linestyle=dash, label=label)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, linewidth=0.4)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    draw(*map(Path, sys.argv[1:]))
