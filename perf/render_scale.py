"""Puts the measured tables into docs/scaling.md and docs/devices.md: `uv run python perf/render_scale.py`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = [HERE.parent / "docs" / name for name in ("scaling.md", "devices.md")]
MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end of measured -->)", re.DOTALL)
LARGE = 100_000  # cells that a count is projected to


def filled(text: str, folder: Path = HERE / "results") -> str:
    """The page with each marked table made anew. Raises KeyError for a mark that has no table."""
    scale, engines, devices = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("scale", "engines", "devices")
    )
    tables = {
        "machine": machine(scale),
        "times": times(scale),
        "files": files(scale),
        "calls": calls(scale),
        "leases": leases(scale),
        "engines": executors(engines),
        "devices": two_devices(devices),
    }
    return MARKED.sub(lambda found: found[1] + "\n" + "\n".join(tables[found[2]]) + "\n\n" + found[3], text)


def seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def machine(scale: Mapping[str, Any]) -> list[str]:
    its = scale["machine"]
    return [f"On {its['cpu']}, {its['cores']} cores, a local disk; Python {its['python']}."]


def times(scale: Mapping[str, Any]) -> list[str]:
    """CPU seconds, and in brackets wall seconds; of what reads all cells a second row with copies."""
    sizes: Mapping[str, Any] = scale["sizes"]
    lines = [f"| | {' | '.join(f'{int(size):,}' for size in sizes)} |", f"|---|{'---:|' * len(sizes)}"]
    for name in next(iter(sizes.values()))["plain"]:
        for layout, title in (("plain", name), ("compacted", "… from copies")):
            taken = [size[layout].get(name) for size in sizes.values()]
            if any(taken):
                shown = [f"{seconds(each['cpu'])} ({seconds(each['wall'])})" if each else "–" for each in taken]
                lines.append(f"| {title} | {' | '.join(shown)} |")
    compact = [size["compact"] for size in sizes.values()]
    made = [f"{seconds(each['cpu'])} ({seconds(each['wall'])})" if each else "–" for each in compact]
    return [*lines, f"| harness compact, once | {' | '.join(made)} |"]


def files(scale: Mapping[str, Any]) -> list[str]:
    sizes: Mapping[str, Any] = scale["sizes"]
    rows: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
        "the suite, KB": lambda size: size["suite_bytes"] / 1e3,
        "the plan, MB": lambda size: size["plan_bytes"] / 1e6,
        "files, thousands": lambda size: size["files"] / 1e3,
        "folders, thousands": lambda size: size["folders"] / 1e3,
        "JSON files of cells, MB": lambda size: (size["json_bytes"] or math.nan) / 1e6,
        "copies, MB": lambda size: size["compacted_bytes"] / 1e6,
        "`harness leaderboard` holds, MB": lambda size: size["plain"]["harness leaderboard"]["megabytes"],
    }
    lines = [f"| | {' | '.join(f'{int(size):,}' for size in sizes)} |", f"|---|{'---:|' * len(sizes)}"]
    for name, value in rows.items():
        shown = (f"{value(size):,.1f}".replace("nan", "–") for size in sizes.values())
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines


def calls(scale: Mapping[str, Any]) -> list[str]:
    """Calls for each cell, and the seconds that a millisecond for each makes: measured, and projected."""
    cells, pause = scale["slow_cells"], scale["pause_microseconds"] / 1e6
    found = scale["sizes"][str(cells)]
    lines = [
        f"| | calls per cell | s at {cells:,} | from copies | s at {LARGE:,}, projected | from copies |",
        "|---|---:|---:|---:|---:|---:|",
    ]

    def row(name: str, plain: Mapping[str, Any], compacted: Mapping[str, Any] | None) -> str:
        number = sum(plain["calls"].values())
        projected = f"{number / cells * LARGE * pause:,.0f}"
        copies = ("–", "–") if compacted is None else (f"{compacted['slow']:.1f}", _projected(compacted, pause))
        return f"| {name} | {number / cells:.1f} | {plain['slow']:.1f} | {copies[0]} | {projected} | {copies[1]} |"

    lines += [row(name, found["plain"][name], each) for name, each in found["compacted"].items()]
    number = sum(found["compact counted"]["calls"].values())
    took, projected = found["compact counted"]["wall"], f"{number / cells * LARGE * pause:,.0f}"
    lines.append(f"| harness compact, once | {number / cells:.1f} | {took:.1f} | – | {projected} | – |")
    whole = sum(scale["whole_cell"].values())
    feed = scale["feed"]
    return [
        *lines,
        "",
        f"To run one cell that is scored once, a run and its job make {whole:.0f} calls together, the run "
        f"{feed['calls_per_cell']:.0f} of them; its share of CPU time is {1000 * feed['cpu_per_cell']:.1f} ms.",
    ]


def _projected(compacted: Mapping[str, Any], pause: float) -> str:
    """With copies the calls do not grow with the cells, but for the files of copies."""
    number = sum(compacted["calls"].values())
    return f"{number * pause:.1f}" if number < 100 else f"{number / 1000 * LARGE * pause:,.0f}"


def leases(scale: Mapping[str, Any]) -> list[str]:
    found = scale["sizes"][str(scale["slow_cells"])]["leases"]
    cells = found["cells"]
    lines = ["| | leases/s | CPU ms per try | got |", "|---|---:|---:|---|"]
    for name, title in (
        ("one", "one process, claim and give back"),
        ("two", "two processes, each tries to claim all"),
        ("two, slow", "the same, a millisecond for each call"),
    ):
        told = found[name]["processes"]
        rate = cells / max(each["wall"] for each in told)
        cpu = 1000 * sum(each["cpu"] for each in told) / len(told) / cells
        lines.append(f"| {title} | {rate:,.0f} | {cpu:.2f} | {' + '.join(str(each['got']) for each in told)} |")
    number = sum(found["one, counted"]["calls"].values()) / cells
    return [*lines, "", f"To claim a cell and give it back takes {number:.1f} calls. No cell was given twice."]


def executors(engines: Mapping[str, Any]) -> list[str]:
    lines = ["| | s per cell | CPU s per cell | of them, the evaluator | s to the first |", "|---|---:|---:|---:|---:|"]
    for name, row in engines["rows"].items():
        lines.append(f"| {name} | {row['next']:.2f} | {row['cpu']:.2f} | {row['work']:.2f} | {row['first']:.1f} |")
    lines += [f"| {name} | not run: {reason} | | | |" for name, reason in engines["absent"].items()]
    return lines


def two_devices(found: Mapping[str, Any]) -> list[str]:
    its = found["machine"]
    lines = [
        f"Seconds per step of {found['batch']} images (ProtoNet: an episode) on {its['cpu']}, {its['cores']} cores:",
        "",
        "| | one process, a thread per core | a process per core |",
        "|---|---:|---:|",
    ]
    return lines + [f"| {name} | {each['1']:.3f} | {each['2']:.3f} |" for name, each in found["seconds"].items()]


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
