"""Conformance checks of encoders, for backbones and methods: shapes, independence of samples, saved weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from harness.testing.report import Fault

SIZES = (7, 2, 1)  # of batches

Encode = Callable[[Tensor], Tensor]


@torch.no_grad()
def check_sizes(encode: Encode, images: Tensor, width: int | None = None) -> None:
    """(N, C, H, W) -> finite (N, width) for all N, one and odd ones included. Raises Fault."""
    for number in SIZES:
        try:
            features = encode(images[:number])
        except (RuntimeError, ValueError, IndexError) as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
            raise Fault(f"a batch of {number} raises {said}", "take any number of images") from error
        width = width or (features.shape[-1] if features.ndim else 0)
        if features.shape != (number, width):
            change = "give (N, D) for all N: no squeeze(), flatten(1) instead of flatten()"
            raise Fault(f"a batch of {number} gives features {tuple(features.shape)}, not {(number, width)}", change)


@torch.no_grad()
def check_values(features: Tensor) -> None:
    """Raises Fault unless features are floating point and finite."""
    if not features.is_floating_point():
        raise Fault(f"features are {features.dtype}", "give floating point, float32 unless under autocast")
    if not features.isfinite().all():
        raise Fault("features are not finite", "guard divisions and logarithms; evaluators refuse such features")


@torch.no_grad()
def check_apart(encode: Encode, images: Tensor) -> None:
    """In eval mode, a sample's features do not depend on the others of its batch. Raises Fault."""
    together, other = encode(images[:8]), encode(torch.cat([images[:4], images[8:12]]))
    if not torch.allclose(together[:4], other[:4], rtol=1e-3, atol=1e-4):
        raise Fault(
            "in eval mode, an image's features depend on the other images of its batch",
            "use running statistics (nn.BatchNorm does, in eval mode) or per-sample normalisation",
        )


def check_input_kept(encode: Encode, images: Tensor) -> None:
    """Images are as they were once they are encoded. Raises Fault."""
    before = images.clone()
    encode(images)
    if not torch.equal(before, images):
        raise Fault(
            "encoding changes its images, which others are given as well",
            "work on what it computes: no in-place operation before the first layer, such as ReLU(inplace=True)",
        )


def check_saved(saved: nn.Module, fresh: nn.Module, use: Callable[[nn.Module], Tensor], what: str) -> None:
    """`fresh`, loaded from the file that the harness would save, does what `saved` does. Raises Fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.safetensors")
        try:
            save_model(saved, path)
            load_model(fresh, path)
        except (RuntimeError, ValueError, TypeError) as error:
            said = " ".join(str(error).split())[:160]
            raise Fault(
                f"it cannot be saved and loaded ({said})", "make all state parameters and buffers in __init__"
            ) from error
    expected = use(saved)  # not before it is saved: use may move a queue
    if not torch.equal(expected, use(fresh)):
        raise Fault(
            f"once saved and loaded, it gives another {what}",
            "keep what is learned in parameters and buffers (register_buffer), queues and counters included",
        )
