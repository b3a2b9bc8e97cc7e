"""Evaluation: few-shot episodes on a frozen encoder

10,000 episodes with 15 queries a class from 659 classes of 20 drawings (28x28), a frozen Conv4-64 with pooling,
nearest class mean by squared Euclidean distance.

- **harness**: the `fewshot` evaluator, all 10,000 episodes. In the first table it embeds the 13,180 images within the
  timing; in the second the features are there, because another setting has needed them: what each further ways/shots
  setting costs.
- **learn2learn** and **easyfsl**: their task samplers and prototypical classifiers as in their examples, which embed
  the images of every episode. They run fewer episodes a repetition (200, in the second table 100); as every episode
  costs the same, their rates hold for 10,000.
- **easyfsl, cached**: on embeddings that its `predict_embeddings` made before the timing began: the best that easyfsl
  can do, and comparable with the second kind of "harness" alone.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, hold

PEERS = (
    Contestant("easyfsl", "with_easyfsl.py", "evaluation"),
    Contestant("easyfsl, cached", "with_easyfsl.py", "evaluation_cached"),
    Contestant("learn2learn", "with_learn2learn.py", "evaluation"),
)
RIVALS = ("easyfsl", "learn2learn")


def races(arguments: Namespace) -> Sequence[Race]:
    first = Contestant("harness", "ours.py", "evaluation_first")
    further = Contestant("harness", "ours.py", "evaluation_further")
    number = 1000 if arguments.quick else 10_000
    common = {
        "network": "conv4 pool",
        "classes": 66 if arguments.quick else 659,
        "ways": 5,
        "queries": 15,
        "our_episodes": number,
    }
    some, fewer = (10, 10) if arguments.quick else (200, 100)
    return [
        Race(
            "The first setting, 5-way 1-shot, embedding included",
            "episodes",
            (first, *PEERS),
            {**common, "shots": 1, "peers_episodes": some},
            [Target(first.name, RIVALS, 60.0)],
        ),
        Race(
            "A further setting, 5-way 5-shot",
            "episodes",
            (further, *PEERS),
            {**common, "shots": 5, "peers_episodes": fewer},
            [Target(further.name, RIVALS, 1000.0)],
        ),
    ]


if __name__ == "__main__":
    hold("evaluation", races, __doc__)
