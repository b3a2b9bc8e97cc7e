"""Episodes: sampling

Few-shot episodes of random 28x28 characters (1,200 classes of 20 drawings), with 15 queries a class. For the peers
and for "harness", an episode is done when four tensors exist: support images, their labels, query images, their
labels, the images as normalised floats.

- **harness**: `draw_episodes` and the gathering of the images, from uint8, normalised on the way; 25 episodes
  (20-way: 5) at a time.
- **harness, indices**: `draw_episodes` alone. An evaluation on cached features, and a training that gathers on a GPU,
  need no more.
- **learn2learn**: `TaskDataset` with `FusedNWaysKShots` (the quicker of its samplers), `LoadData`, `RemapLabels`,
  `ConsecutiveLabels`.
- **easyfsl**: `TaskSampler` with its collate function in a `DataLoader`.

The peers' data sets hold float images in memory that are already normalised: nothing is decoded or transformed.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, hold

CONTESTANTS = (
    Contestant("harness", "ours.py", "episode_images"),
    Contestant("harness, indices", "ours.py", "episode_indices"),
    Contestant("learn2learn", "with_learn2learn.py", "episodes"),
    Contestant("easyfsl", "with_easyfsl.py", "episodes"),
)
PEERS = ("learn2learn", "easyfsl")


def races(arguments: Namespace) -> Sequence[Race]:
    factor = 1 if arguments.quick else 10
    small = {"ways": 5, "shots": 1, "at_once": 25, "episodes": 400 * factor, "peers_episodes": 100 * factor}
    large = {"ways": 20, "shots": 5, "at_once": 5, "episodes": 100 * factor, "peers_episodes": 25 * factor}
    return [
        Race(
            f"{setting['ways']}-way {setting['shots']}-shot, 15 queries",
            "episodes",
            CONTESTANTS,
            {"classes": 1200, "queries": 15, **setting},
            [Target("harness, indices", PEERS, least)],
        )
        for setting, least in ((small, 10.0), (large, 14.0))
    ]


if __name__ == "__main__":
    hold("episodes", races, __doc__)
