"""Batch norm over the parts of all ranks, on a CPU as on a GPU: torch's own SyncBatchNorm refuses CPU tensors."""

from __future__ import annotations

from types import MethodType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness.distributed import gather, ranks
from harness.errors import UsageError

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)  # subclasses do more than normalise


def synchronise_norms(network: nn.Module) -> None:
    """Let every batch norm inside `network` see the batches of all ranks together while it trains.

    The layers stay what they are, with the names and the types that they have. What is inside of a module with a true
    attribute `keeps_norms` is that module's own affair. Raises UsageError for a kind of batch norm that is not torch's.
    """
    if getattr(network, "keeps_norms", False):
        return
    if type(network) in PLAIN:
        network.forward = MethodType(_synchronised, network)
    elif isinstance(network, _BatchNorm):
        raise UsageError(f"{type(network).__name__} cannot be synchronised over devices: take another backbone.")
    for child in network.children():
        synchronise_norms(child)


def _synchronised(norm: _BatchNorm, inputs: Tensor) -> Tensor:
    """(N, C, ...) -> (N, C, ...); every rank has as many samples."""
    if not norm.training:
        return type(norm).forward(norm, inputs)
    half = inputs.dtype in (torch.bfloat16, torch.float16)
    variance, mean = torch.var_mean(inputs.float() if half else inputs, [0, *range(2, inputs.ndim)], correction=0)
    means, variances = gather(torch.stack([mean, variance])[None]).unbind(1)
    mean = means.mean(0)
    variance = (variances + (means - mean).square()).mean(0)
    if norm.track_running_stats:
        _track(norm, mean.detach(), variance.detach(), ranks() * inputs.numel() // inputs.shape[1])
    scale = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale if norm.bias is None else norm.bias - mean * scale
    # scale * inputs + shift, by the one kernel that has a fast gradient for a factor per channel
    return F.batch_norm(inputs, torch.zeros_like(mean), torch.ones_like(mean), scale, shift, training=False, eps=0.0)


@torch.no_grad()
def _track(norm: _BatchNorm, mean: Tensor, variance: Tensor, number: int) -> None:
    """Running statistics of `number` values a channel, as torch has them: with the unbiased variance."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    weight = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), weight)
    norm.running_var.lerp_((variance * number / max(1, number - 1)).to(norm.running_var.dtype), weight)
