"""SimCLR's augmentation

One view of each 32x32 colour image: random resized crop (.08, 1), flip, colour jitter of strength .5 with probability
.8, grey with probability .2; no blur, no normalisation. From what each keeps in memory (uint8 tensors, PIL images) to
a batch of 256 float images.

- **harness**: `harness.learning.data.transforms.augment`.
- **kornia**: its modules for the same changes, batched; crops in the mode "resample", the quicker one.
- **lightly**: `SimCLRViewTransform` on each PIL image, through torchvision.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, hold


def races(arguments: Namespace) -> Sequence[Race]:
    contestants = (
        Contestant("harness", "ours.py", "augmentation"),
        Contestant("kornia", "with_kornia.py", "augmentation"),
        Contestant("lightly", "with_lightly.py", "augmentation"),
    )
    options = {"images": 512 if arguments.quick else 4096}
    return [Race("Augmentation, 32x32, batch 256", "images", contestants, options)]


if __name__ == "__main__":
    hold("augmentation", races, __doc__)
