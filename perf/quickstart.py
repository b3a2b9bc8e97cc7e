"""The quickstart, whole

`harness run benchmarks.yaml --fresh`, from the command to the leaderboard, into a temporary folder: this checkout
against another one, each with its own environment and its own `benchmarks.yaml`. Torch threads, cores and workers are
as the command chooses them.

`--profile` shows what limits the speed. Convolutions and their gradients are 37 % (MoCo) to 68 % (ProtoNet) of a
training step; normalisation and ReLU backward are most of the rest. Both sides run the same library kernels. The
removed cost was memory that each step returned to the system and got back as new pages. How much that costs, and so
the ratio, depends on the other load of the machine. MAML is a third of the suite, nearly half of it
gradient steps at test time. The concatenation in MoCo's split normalisation is 13 % of its step.
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
