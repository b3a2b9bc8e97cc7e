"""Batch normalisation inside a task.

A clone of learn2learn shares the running statistics of its parent's batch norms, so adapting it would write them. The
layers here have no running statistics at all: whatever is normalised, the statistics are the task's own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness import UsageError, scale_and_shift

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d)  # subclasses do more than normalise


class TaskNorm(nn.Module):
    """Normalises by the mean and variance of the first `size` samples of a batch, and differentiates through both.

    Has the parameters of `norm`, the very same, so that an update of `norm` is one of this layer.
    """

    def __init__(self, norm: nn.Module, size: int | None) -> None:
        """`size` None: all samples."""
        super().__init__()
        self._parameters = norm._parameters
        self.eps = float(norm.eps)  # type: ignore[arg-type]  # nn.Module types every attribute as Tensor | Module
        self.size = size

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, ...) -> (N, C, ...)"""
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        if self.size is None or self.size >= len(inputs):
            return F.batch_norm(inputs, None, None, weight, bias, training=True, eps=self.eps)
        dims = [0, *range(2, inputs.ndim)]
        inputs = inputs if weight is None else inputs.to(weight.dtype)  # under autocast they are less precise
        first = inputs[: self.size]
        if torch.is_grad_enabled():
            variance, mean = torch.var_mean(first, dims, correction=0)
            scale = (variance + self.eps).rsqrt()
        else:  # by batch norm's own kernel, which gives them without gradient, on a CPU in a seventh of the time
            _, mean, scale = torch.native_batch_norm(first, None, None, None, None, True, 0.0, self.eps)
        if weight is not None:
            scale = scale * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        return scale_and_shift(inputs, scale, shift)


def use_task_statistics(clone: nn.Module, size: int | None) -> None:
    """Put a TaskNorm in the place of every batch norm inside `clone`, a clone of learn2learn."""
    for module in list(clone.modules()):
        for name, child in module.named_children():
            if type(child) in PLAIN:
                module._modules[name] = TaskNorm(child, size)


def require_plain_norms(backbone: nn.Module) -> None:
    """Raises UsageError for a batch norm that TaskNorm cannot replace."""
    for module in backbone.modules():
        if isinstance(module, _BatchNorm) and type(module) not in PLAIN:
            raise UsageError(
                f"a task's own statistics cannot take the place of {type(module).__name__}'s: take another backbone."
            )


def channels_last(images: Tensor) -> Tensor:
    """Convolutions on a CPU are half as fast again; after an inner step, weights no longer choose the layout."""
    return images.to(memory_format=torch.channels_last) if images.ndim == 4 else images
