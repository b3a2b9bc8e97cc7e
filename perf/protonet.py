"""ProtoNet: training

Training steps on one episode each, 20-way 5-shot with 15 queries a class (400 images), Conv4-64 with pooling, Adam,
random 28x28 characters (1,200 classes of 20 drawings). Episodes are drawn within the timing; support and query pass
the network as one batch.

- **harness**: `harness.learning.training.train` with the `protonet` plugin.
- **learn2learn**: the loop of its ProtoNet example with its `TaskDataset` and `PrototypicalClassifier`, in the
  default memory layout, as there.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, hold


def races(arguments: Namespace) -> Sequence[Race]:
    ours = Contestant("harness", "ours.py", "protonet")
    peer = Contestant("learn2learn", "with_learn2learn.py", "protonet")
    steps = 1 if arguments.quick else 100 if arguments.device == "cuda" else 4
    options = {"network": "conv4 pool", "classes": 1200, "ways": 20, "shots": 5, "queries": 15, "steps": steps}
    targets = [Target(ours.name, (peer.name,), 1.4)]
    return [Race("ProtoNet, Conv4-64, 28x28, 20-way 5-shot", "episodes", [ours, peer], options, targets)]


if __name__ == "__main__":
    hold("protonet", races, __doc__)
