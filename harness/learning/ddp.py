"""The loss of a method on several devices, under torch's DistributedDataParallel."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from harness.learning.collectives import gather
from harness.learning.components import Method
from harness.learning.sync_norms import synchronise_norms


def data_parallel(method: Method, step: int) -> Callable[[Any], Any]:
    """`method.loss` as each rank has to call it: batch norms see all parts, gradients are means over the ranks.

    Raises RuntimeError if the ranks do not start from the same `step`.
    """
    if bool((gather(torch.tensor([step])) != step).any()):
        raise RuntimeError("the devices' processes found different checkpoints")
    synchronise_norms(method)
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)  # its successor is too young
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # kernels of one channel
    # its forward tells it when to average gradients; the loss leaves buffers that are equal on all ranks
    return DistributedDataParallel(_Loss(method), broadcast_buffers=False)


class _Loss(nn.Module):
    """A method whose forward is its loss."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: Any) -> Any:
        return self.method.loss(batch)
