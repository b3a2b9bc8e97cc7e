"""Evaluation: few-shot episodes that MAML learns by gradient steps

Episodes of random 28x28 characters with 15 queries a class. Each takes three gradient steps on its support set, and
then classifies its queries. Batch norm is inductive: the support set passes with the queries.

- **harness**: the `fewshot` evaluator with the `maml` plugin, drawing and gathering included, in channels_last.
- **limit**: as many passes of the plain network on ready tensors, in channels_last: three times forward and backward of
  the support set, and once forward of support set and queries. Nothing is drawn, no weight moves, and batch norm takes
  the statistics of all samples.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, hold

SETTINGS = ((5, 1, 32), (5, 5, 24), (20, 5, 4))  # ways, shots, episodes of a repetition


def races(arguments: Namespace) -> Sequence[Race]:
    ours = Contestant("harness", "ours.py", "adaptation")
    limit = Contestant("limit", "ours.py", "adaptation_limit")
    return [
        Race(
            f"MAML's evaluation, Conv4-64 ({variant}), 28x28, {ways}-way {shots}-shot",
            "episodes",
            (ours, limit),
            {
                **{"network": f"conv4 {variant}", "classes": 100, "ways": ways, "shots": shots, "queries": 15},
                "episodes": 1 if arguments.quick else episodes,
            },
            [Target(ours.name, (limit.name,), 0.8)],
        )
        for variant in ("pool", "stride")
        for ways, shots, episodes in SETTINGS
    ]


if __name__ == "__main__":
    hold("adaptation", races, __doc__)
