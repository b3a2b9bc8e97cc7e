"""Meta-SGD: MAML that learns a rate for each weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from learn2learn.algorithms import MetaSGD as Algorithm
from torch import Tensor, nn

from harness import Data
from harness_fewshot import MetaSGDConfig
from harness_fewshot.gradients import GradientLearner


class MetaSGD(GradientLearner):
    """An inner step is a gradient times a rate for each weight, learned with the initialisation (Li et al. 2017,
    arXiv:1707.09835, eq. 2), through learn2learn."""

    name = "meta_sgd"
    config: MetaSGDConfig

    def __init__(self, backbone: nn.Module, config: MetaSGDConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        rates = [torch.full_like(weight, config.inner_lr) for weight in self.network.parameters()]
        self.rates = nn.ParameterList(map(nn.Parameter, rates))

    def cloning(self) -> Callable[[], Any]:
        return Algorithm(self.network, lrs=self.rates).clone

    def step(self, loss: Tensor, weights: list[nn.Parameter]) -> None:
        for weight, rate, slope in zip(weights, self.rates, torch.autograd.grad(loss, weights), strict=True):
            weight.addcmul_(rate, slope, value=-1)
