"""Puts the comparison with lightly's parts into docs/methods.md: `uv run python perf/render_beside.py`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "methods.md"
MARKED = re.compile(r"(<!-- beside lightly -->\n).*?(<!-- end of beside lightly -->)", re.DOTALL)
SCORES = ("knn", "linear")


def filled(text: str, folder: Path = HERE / "results") -> str:
    """The page with the tables made anew."""
    result = json.loads((folder / "beside-lightly.json").read_text(encoding="utf-8"))
    lines = [*exact(result["exact"]), "", *trained(result["trained"]), "", about(result)]
    return MARKED.sub(lambda found: found[1] + "\n" + "\n".join(lines) + "\n\n" + found[2], text)


def exact(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    head = ["| method | loss | difference of the loss | of gradients | of the target |", "|---|--:|--:|--:|--:|"]
    rows = [
        f"| `{name}` | {each['loss']:.4f} | {power(each['difference'])} | {power(each['of gradients'])} "
        f"| {power(each['of the target']) if 'of the target' in each else '–'} |"
        for name, each in found.items()
    ]
    return [*head, *rows]


def power(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


def trained(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Means over seeds, and 95 % intervals of the mean of paired differences."""
    lines = ["| method | seeds | score | harness | lightly | harness − lightly |", "|---|--:|---|--:|--:|--:|"]
    for method in dict.fromkeys(row["method"] for row in rows):
        of_method = [row for row in rows if row["method"] == method]
        for score in SCORES:
            ours = [100 * row["ours"][score] for row in of_method]
            cells = f"| `{method}` | {len(ours)} | {score} | {mean(ours):.1f} |"
            if "lightly" in of_method[0]:
                theirs = [100 * row["lightly"][score] for row in of_method]
                gaps = [own - its for own, its in zip(ours, theirs, strict=True)]
                cells += f" {mean(theirs):.1f} | {mean(gaps):+.1f} ± {half_width(gaps):.1f} |"
            else:
                cells += " – | – |"
            lines.append(cells)
    return lines


def half_width(values: Sequence[float]) -> float:
    """Of the 95 % interval of the mean, by Student's t."""
    return float(student.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def about(result: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"{result['steps']} steps of {result['batch']} pictures, {result['pictures']:,} pictures of each split, "
        f"Conv4 with strides; {versions}."
    )


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
