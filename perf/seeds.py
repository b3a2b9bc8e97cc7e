"""Seeds of one setting as one program

Three networks that differ by seed alone, trained with cross-entropy and SGD on batches of their own that are ready: one
network after the other, as separate cells do on one core, and all three as one program. The question is whether
`harness run` should train cells that differ by seed together.

- **separate**: one training step of each network in turn, in channels_last.
- **fused**: `torch.func.stack_module_state`, and `vmap` over the gradient of one network: grouped convolutions.
- **fused, compiled**: the same through `torch.compile`, which also fuses what is between the convolutions.

A ratio above 1 says that separate networks are faster. On a CPU they are, so `harness run` has no such option. On a GPU
this is not measured.

The gradients of one program and of separate networks are compared before the timing, in double precision.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from contest import Contestant, Race, hold

SETTINGS = (("pool", 3, 32, 128), ("stride", 3, 32, 128), ("stride", 1, 28, 25))  # variant, channels, side, batch


def races(arguments: Namespace) -> Sequence[Race]:
    works = {"separate": "separate", "fused": "fused", "fused, compiled": "compiled"}
    contestants = [Contestant(name, "stacked.py", work) for name, work in works.items()]
    return [
        Race(
            f"Three seeds of Conv4-64 ({variant}), {side}x{side}, batch {batch}",
            "images",
            contestants,
            {
                **{"network": f"conv4 {variant}", "channels": channels, "side": side, "batch": batch},
                "steps": 1 if arguments.quick else 100 if arguments.device == "cuda" else 4,
            },
        )
        for variant, channels, side, batch in SETTINGS
    ]


if __name__ == "__main__":
    hold("seeds", races, __doc__)
