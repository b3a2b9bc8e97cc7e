"""R2D2: a ridge regression for each task, in closed form."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Classifier, Data
from harness_fewshot import R2D2Config
from harness_fewshot.episodic import Episodic


class R2D2(Episodic):
    """The classifier of a task is the ridge regression of its one-hot labels on its support features, through whose
    solution gradients flow (Bertinetto et al. 2019, arXiv:1805.08136, section 3.2)."""

    config: R2D2Config

    def __init__(self, backbone: nn.Module, config: R2D2Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.log_ridge = nn.Parameter(torch.tensor(math.log(config.ridge)))  # its logarithm: it stays positive
        self.scale = nn.Parameter(torch.tensor(config.scale))

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): scaled outputs of each task's regression."""
        weights = ridge_regression(with_one(support), F.one_hot(labels, ways).to(support.dtype), self.log_ridge.exp())
        return lambda query: self.scale * products(with_one(query), weights)


def ridge_regression(samples: Tensor, targets: Tensor, ridge: Tensor) -> Tensor:
    """The weights (E, D, W) of least squared error plus `ridge` times their squared norm, for samples (E, S, D) and
    targets (E, S, W), by the Woodbury identity: a system of S equations instead of D, as a task has few samples."""
    gram = products(samples, samples.mT)
    penalty = ridge * torch.eye(samples.shape[1], dtype=samples.dtype, device=samples.device)
    return products(samples.mT, torch.linalg.solve(gram + penalty, targets))


def products(one: Tensor, other: Tensor) -> Tensor:
    with torch.autocast(one.device.type, enabled=False):  # bf16 is too coarse for the system
        return one @ other


def with_one(samples: Tensor) -> Tensor:
    """(E, S, D) -> (E, S, D + 1): the bias of a regression is the weight of a constant."""
    return torch.cat([samples, torch.ones_like(samples[..., :1])], -1)
