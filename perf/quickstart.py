"""The quickstart, whole

`harness run benchmarks.yaml --fresh`, from the command to the leaderboard, into a temporary folder: this checkout
against another one, each with its own environment and its own `benchmarks.yaml`. Torch threads, cores and workers are
as the command chooses them.

Profiles say what keeps it from more. Nine tenths of the cells' time are fp32 convolutions and their gradients, which run
at three quarters or more of what a core can do, before and now; the rest, memory that went back to the system and came
again as untouched pages, is what was gained. MAML is its own kind: a third of the suite, in the second derivative of
training and in the gradient steps at test time, which are arithmetic too. On a CPU, torch.compile takes longer to
compile than it saves here, and bf16, which would halve the convolutions on the newest processors, slows the others
down. The two rounds of one pair are minutes apart, so that the ratio moves with whatever else the machine does.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from contest import HERE, Contestant, Race, Target, arguments_of, hold


def races(arguments: Namespace) -> Sequence[Race]:
    only = "method=untrained" if arguments.quick else ""

    def contestant(name: str, checkout: Path) -> Contestant:
        return Contestant(name, "suite.py", "suite", {"checkout": str(checkout.resolve()), "only": only, "warm_up": 0})

    entered = [contestant("this checkout", HERE.parent), contestant("the other checkout", arguments.against)]
    targets = [Target("this checkout", ("the other checkout",), 2.0)]
    return [Race("The quickstart suite", "suites", entered, targets=targets, per=(3600.0, "h"))]


if __name__ == "__main__":
    parser = arguments_of("quickstart", __doc__, repetitions=1)
    parser.add_argument("--against", type=Path, required=True, help="another checkout, with its .venv")
    hold("quickstart", races, __doc__, parser)
