"""SimCLR and MoCo: training

Whole training steps: images drawn, two views of each made, forward, backward, SGD with momentum and weight decay.
Everyone trains on the same 8,192 random 32x32 colour images in batches of 128, with random resized crops (.08, 1),
flips, colour jitter of strength .5 with probability .8, grey with probability .2, no blur; the same network (checked:
the same number of weights) and the same projector (hidden layer as wide as the features, 128 outputs). ResNet-18 has
the 3x3 stem without max-pooling.

- **harness**: `harness.learning.training.train` with the `simclr` or `moco` plugin, as a cell runs it, its logging
  included, in channels_last, with a cell's allocator settings (`harness/running/allocator.py`).
- **limit**: likewise, the same method object and optimizer on one batch of ready, normalised tensors: no data, no
  augmentation. A step of ResNet-18 is at its limit, and its ratio to lightly moves with the machine: against
  "lightly, batched" it was 1.12 and 1.03 on two days.
- **lightly**: `LightlyDataset` over PIL images in memory, `SimCLRTransform`, its heads and `NTXentLoss`, as in its
  examples. MoCo: `NTXentLoss` with a memory bank of 4,096, `update_momentum`, shuffled batches. The default memory
  layout, as in its examples.
- **lightly, batched**: the same heads and losses as an experienced user speeds them up: channels_last, and the same
  changes by torchvision's `transforms.v2` on batches of uint8 tensors. v2 draws a crop, a flip and a jitter once for a
  batch, so all images of a batch get the same ones. The other contestants draw them for each image, which is more work.
- **solo-learn**: its `CifarTransform` (bicubic crops), `NCropAugmentation` and `simclr_loss_func`. Its trainer cannot
  be installed beside a current torch, so the loop around them is plain.

Our optimizer is torch's fused one and decays matrices and kernels only; the peers' is torch's default and decays all.
Unless `--loader-workers` says otherwise, the peers' DataLoader works inside the contestant's own process, so that all
have the same number of cores; on a GPU give them as many workers as there are cores.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, Target, hold


def races(arguments: Namespace) -> Sequence[Race]:
    ours = Contestant("harness", "ours.py", "simclr")
    limit = Contestant("limit", "ours.py", "limit")
    lightly = Contestant("lightly", "with_lightly.py", "simclr")
    batched = Contestant("lightly, batched", "with_lightly.py", "simclr", {"batched": True})
    solo = Contestant("solo-learn", "with_solo_learn.py", "simclr")
    moco = [
        Contestant("harness", "ours.py", "moco"),
        Contestant("lightly", "with_lightly.py", "moco"),
        Contestant("lightly, batched", "with_lightly.py", "moco", {"batched": True}),
    ]
    on_gpu = arguments.device == "cuda"
    conv4 = {"network": "conv4 pool", "steps": 2 if arguments.quick else 100 if on_gpu else 8}
    resnet = {"network": "resnet18", "steps": 40 if on_gpu and not arguments.quick else 1}
    wanted = (
        {"conv4": (8.0, 0.9), "resnet18": (3.0, 0.9)} if on_gpu else {"conv4": (1.6, 0.95), "resnet18": (1.08, 0.97)}
    )

    def targets(network: str) -> list[Target]:
        peer, share = wanted[network]
        return [Target("harness", ("lightly", "lightly, batched"), peer), Target("harness", ("limit",), share)]

    five = [ours, limit, lightly, batched, solo]
    entered = [
        Race("SimCLR, Conv4-64, 32x32, batch 128", "images", five, conv4, targets("conv4")),
        Race("MoCo v2, Conv4-64, 32x32, batch 128, queue 4,096", "images", moco, conv4),
    ]
    if arguments.quick and not on_gpu:
        return entered  # a step of ResNet-18 takes most of ten seconds of a core
    return [*entered, Race("SimCLR, ResNet-18, 32x32, batch 128", "images", five, resnet, targets("resnet18"))]


if __name__ == "__main__":
    hold("simclr", races, __doc__)
