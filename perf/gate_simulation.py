"""How often the regression gate cries wolf, and what it sees: simulated suites, judged by the gate's own code.

`uv run python perf/gate_simulation.py`, about twenty minutes on one core; writes perf/results/gate-simulation.json, of
which docs/gate.py makes a table. Seeds are normal with a standard deviation of one point; a seed before and the same
seed after correlate as `correlation` says (the same weights to begin with, the same batches). The tolerance is the
default.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.reporting.gate.snapshot import Evaluation, Group, Scores, Snapshot
from harness.reporting.gate.verdicts import compare
from harness.suite.tolerances import POINTS, Gate

RESULTS = Path(__file__).parent / "results" / "gate-simulation.json"
POINT = 0.01
DROPS = (1, 2, 5)
RISES = (5, 9, 12, 15, 20)  # of a cell that leaks; the ceiling of a score of 70 % is 10
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """`deviations`: of the cells' seeds, in points. `images`: of the test, whose share is a score; 0: no grid."""

    cells: int
    seeds: int
    correlation: float = 0.7
    deviations: Literal["all 1", "1 or 4"] = "all 1"
    images: int = 0
    paired: bool = True


SETTINGS = [
    *(Setting(40, seeds, correlation) for seeds in (3, 5) for correlation in (0.7, 0.0)),
    Setting(40, 10),
    *(Setting(10, seeds) for seeds in (3, 5)),
    *(Setting(40, seeds, images=360) for seeds in (2, 3, 5)),
    *(Setting(40, seeds, deviations="1 or 4") for seeds in (3, 5)),
    *(Setting(40, seeds, 0.0, paired=False) for seeds in (3, 5)),
    Setting(40, 1),
]


@dataclass(frozen=True)
class Outcome:
    """Shares of suites: in which an unchanged cell is called worse, and in which the cell that dropped is; in which an
    unchanged cell is called suspicious, and in which the cell that rose is."""

    false_alarms: float
    found: dict[int, float]
    false_suspicions: float
    suspected: dict[int, float]


def simulate(
    setting: Setting,
    suites: int,
    seed: int = 0,
    drops: Sequence[int] = DROPS,
    rises: Sequence[int] = RISES,
    changing: int = 0,
) -> Outcome:
    """Each suite once without a change, and the first `changing` of them once for each size of a change in a cell."""
    generator = np.random.default_rng(seed)
    alarms: Counter[str] = Counter()
    found: Counter[tuple[str, int]] = Counter()
    changes = [*(("regressed", -size) for size in drops), *(("suspicious", size) for size in rises)]
    for number in range(suites):
        before, after = draw(setting, generator)
        alarms.update(set(verdicts(setting, before, after).values()))
        for verdict, size in changes if number < changing else ():
            changed = after.copy()
            changed[0] += size * POINT
            found[verdict, size] += verdicts(setting, before, changed)["cell 0"] == verdict
    return Outcome(
        alarms["regressed"] / suites,
        {drop: found["regressed", -drop] / changing for drop in drops},
        alarms["suspicious"] / suites,
        {rise: found["suspicious", rise] / changing for rise in rises},
    )


def draw(setting: Setting, generator: np.random.Generator) -> tuple[Array, Array]:
    """Scores before and after, (cells, seeds) each."""
    shape = (setting.cells, setting.seeds)
    shared, *own = (generator.standard_normal(shape) for _ in range(3))
    scale = np.where(generator.random((setting.cells, 1)) < 0.3, 4, 1) if setting.deviations == "1 or 4" else 1
    mix = np.sqrt(setting.correlation), np.sqrt(1 - setting.correlation)
    before, after = (0.7 + POINT * scale * (mix[0] * shared + mix[1] * each) for each in own)
    return before, after


def verdicts(setting: Setting, before: Array, after: Array) -> dict[str, str]:
    """What the gate says of each cell."""
    snapshots = snapshot(before, setting, 0), snapshot(after, setting, 0 if setting.paired else setting.seeds)
    return {row.key[2]: row.verdict for row in compare(*snapshots, Gate())}


def snapshot(scores: Array, setting: Setting, first: int) -> Snapshot:
    identity: dict[str, dict[str, str]] = {axis: {} for axis in ("method", "backbone", "dataset", "budget")}
    seeds = range(first, first + setting.seeds)

    def groups() -> Iterator[tuple[tuple[str, str, str], Group]]:
        for number, values in enumerate(scores):
            kept = np.round(values * setting.images) / setting.images if setting.images else values
            by_seed = dict(zip(seeds, map(float, kept), strict=True))
            step = 1 / (setting.images or 10**9)
            said = Scores("image", round(1 / step), True, "", None, dict(by_seed), shown="percent", step=step)
            evaluation = Evaluation("knn", {}, {"accuracy": said})
            yield (
                ("data", "net", f"cell {number}"),
                Group(identity, dict.fromkeys(seeds, ""), {}, {}, {"knn": evaluation}),
            )

    return Snapshot("simulated", {}, {}, dict(groups()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--suites", type=int, default=2000, help="without a change")
    parser.add_argument("--changing", type=int, default=1000, help="of them, with one")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = []
    for setting in SETTINGS:
        outcome = simulate(setting, arguments.suites, changing=arguments.changing)
        rows.append({**asdict(setting), **asdict(outcome)})
        print(setting, outcome, flush=True)
    whole = {
        "suites": arguments.suites,
        "changing": arguments.changing,
        "tolerance": POINTS,
        "alpha": Gate().alpha,
        "rows": rows,
    }
    arguments.output.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
