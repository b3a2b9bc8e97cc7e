"""MAML: training

Meta-steps of 4 tasks, 5-way 1-shot with 15 queries a class, one inner step, second order, Adam, on random 28x28
characters (1,200 classes of 20 drawings). Tasks are drawn within the timing. Batch norm is transductive for everyone,
since that is what learn2learn's example computes. Two threads each: the engines `functional` and `learn2learn` give
every task one; `vmap` and the library learn2learn leave them to torch.

- **harness**: `harness.learning.training.train` with the `maml` plugin, once for each of its engines. It also tracks
  the running statistics of the initialisation (one forward of the support sets a meta-step), which learn2learn's
  example does not have.
- **limit**: the plain second-order step on tasks that are ready, in channels_last, each task on one thread. Nothing is
  drawn, tracked or logged. The targets were set before this limit was measured, and the limit itself does not reach
  those of the engine `functional`. Ratios to learn2learn move by a tenth from day to day on this machine, whose memory
  other machines share: with strides, the limit was 1.29 and 1.49 times learn2learn on two days. Convolutions take two
  thirds of it, at the processor's rate of arithmetic. Tried against the rest: the second derivative of batch norm
  written out as two calls of its kernel, in place of some twenty operations, makes a step 3 % faster on two threads
  (10 % on one). That was not kept, for its length.
- **learn2learn**: the loop of its Omniglot example: `clone`, `adapt`, backward of each task's error; tasks from its
  `TaskDataset`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, arguments_of, hold

ENGINES = ("learn2learn", "functional", "vmap")


def races(arguments: Namespace) -> Sequence[Race]:
    engines = [Contestant(f"harness, engine {engine}", "ours.py", "maml", {"engine": engine}) for engine in ENGINES]
    limit = Contestant("limit", "ours.py", "maml_limit")
    peer = Contestant("learn2learn", "with_learn2learn.py", "maml")
    on_gpu = arguments.device == "cuda"
    options = {"classes": 1200, "steps": 1 if arguments.quick else 50 if on_gpu else 8}
    on_cpu = {"pool": {"learn2learn": 1.8, "functional": 2.5}, "stride": {"learn2learn": 1.3, "functional": 2.0}}

    def targets(variant: str) -> list[Target]:
        goals = {"vmap": 10.0} if on_gpu else on_cpu[variant]
        return [Target(f"harness, engine {engine}", (peer.name,), least) for engine, least in goals.items()]

    return [
        Race(
            f"MAML, Conv4-64 ({variant}), 28x28, 5-way 1-shot",
            "tasks",
            [*engines, limit, peer],
            {**options, "network": f"conv4 {variant}"},
            targets(variant),
        )
        for variant in ("pool", "stride")
    ]


if __name__ == "__main__":
    parser = arguments_of("maml", __doc__)
    parser.set_defaults(threads=2)
    hold("maml", races, __doc__, parser)
