"""Checks the devices: whether each can be used and computes correctly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.doctor.finding import Finding

if TYPE_CHECKING:
    import torch

AREA = "devices"
HIDES = "CUDA_VISIBLE_DEVICES"


def look() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library of another build
        yield Finding(AREA, "torch", f"cannot be imported: {error}", "Install torch again: pip install -U torch")
        return
    yield Finding(AREA, "torch", torch.__version__)
    yield used(torch.device("cpu"), "cpu", f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            of = torch.cuda.get_device_properties(number)
            yield used(torch.device("cuda", number), f"cuda:{number}", f"{of.name}, {of.total_memory / 1e9:.0f} GB")
    else:
        present = Path("/dev/nvidia0").exists()
        yield no_cuda(present=present, built=torch.backends.cuda.is_built(), hidden=os.environ.get(HIDES))
    if torch.backends.mps.is_available():
        yield used(torch.device("mps"), "mps", "is there; cells do not use it")


def used(device: torch.device, what: str, about: str) -> Finding:
    """A device after a tiny computation on it."""
    if fault := fault_of(device):
        return Finding(AREA, what, f"{about}; {fault}", f"Use --device cpu, or repair the driver: {what} fails.")
    return Finding(AREA, what, about)


def fault_of(device: torch.device) -> str:
    """What goes wrong with a product of two matrices of ones, or ""."""
    import torch

    try:
        got = (torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum().item()
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a device
        return f"cannot be used: {(str(error).splitlines() or [type(error).__name__])[0]}"
    return "" if got == 8**3 else f"computes wrongly: {got} instead of {8**3}"


def no_cuda(*, present: bool, built: bool, hidden: str | None) -> Finding:
    """CUDA is not available to torch. `present`: the system has a GPU; `built`: torch could use one."""
    if not present:
        return Finding(AREA, "cuda", "no GPU: cells run on the processor")
    if hidden in ("", "-1", "NoDevFiles"):
        return Finding(AREA, "cuda", f"hidden by {HIDES}={hidden!r}")
    if not built:
        advice = "Install a torch that is built for CUDA: https://pytorch.org/get-started"
        return Finding(AREA, "cuda", "there is a GPU, but this torch is built without CUDA", advice)
    advice = "Bring the driver up to date; `nvidia-smi` must list the GPU."
    return Finding(AREA, "cuda", "there is a GPU, but torch cannot use it", advice)
