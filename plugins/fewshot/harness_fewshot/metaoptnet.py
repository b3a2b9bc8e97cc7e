"""MetaOptNet: a support vector machine for each task."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Classifier, Data
from harness_fewshot import MetaOptNetConfig
from harness_fewshot.episodic import Episodic


class MetaOptNet(Episodic):
    """The classifier of a task is the linear support vector machine of Crammer and Singer 2001 on its support features,
    through whose dual problem gradients flow (Lee et al. 2019, arXiv:1904.03758, section 3.2)."""

    config: MetaOptNetConfig

    def __init__(self, backbone: nn.Module, config: MetaOptNetConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.scale = nn.Parameter(torch.tensor(config.scale))

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): the scaled outputs of each task's machine."""
        with torch.autocast(support.device.type, enabled=False):  # bf16 is too coarse for the dual problem
            weights = machine(support, F.one_hot(labels, ways).to(support.dtype), self.config.c, self.config.steps)
        return lambda query: self.scale * (query @ weights)


def machine(samples: Tensor, classes: Tensor, c: float, steps: int) -> Tensor:
    """The weights (E, D, W) that minimise half their squared norm plus `c` times the sum over samples (E, S, D) of how
    much the output of the right one of `classes`, one-hot (E, S, W), is less than 1 above another's.

    By accelerated projected gradients (Beck and Teboulle 2009) on the dual variables (E, S, W), which in each row sum
    to 0, are at most `c` at the right class, and at most 0 elsewhere.
    """
    gram = samples @ samples.mT
    rate = 1 / gram.detach().abs().sum(-1).amax(-1)[:, None, None].clamp(
        min=1e-12
    )  # the greatest eigenvalue is no more
    now = ahead = torch.zeros_like(classes)
    pace = 1.0
    for _ in range(steps):
        moved = ahead - rate * (gram @ ahead - classes)
        new = c * classes - on_simplex(c * classes - moved, c)
        faster = (1 + math.sqrt(1 + 4 * pace**2)) / 2
        ahead = new + (pace - 1) / faster * (new - now)
        now, pace = new, faster
    return samples.mT @ now


def on_simplex(rows: Tensor, total: float) -> Tensor:
    """The nearest rows (..., W) of numbers that are not negative and sum to `total` (Duchi et al. 2008, figure 1)."""
    ordered = rows.sort(-1, descending=True).values
    excess = (ordered.cumsum(-1) - total) / torch.arange(1, rows.shape[-1] + 1, device=rows.device)
    positive = (ordered > excess).sum(-1, keepdim=True)
    return (rows - excess.gather(-1, positive - 1)).clamp(min=0)
