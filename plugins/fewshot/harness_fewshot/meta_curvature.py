"""Meta-Curvature: MAML that learns to transform gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from learn2learn.algorithms import GBML
from learn2learn.optim import ParameterUpdate
from learn2learn.optim.transforms import MetaCurvatureTransform
from torch import Tensor, nn

from harness import Data, UsageError
from harness_fewshot import GradientConfig
from harness_fewshot.gradients import GradientLearner

DIMENSIONS = (1, 2, 4)  # of weights that learn2learn's transform takes


class MetaCurvature(GradientLearner):
    """An inner step is a gradient that learned matrices multiply along its outputs, inputs and filter's places (Park
    and Oliva 2019, arXiv:1902.03356, MC2), through learn2learn. They begin as identities, and so as MAML."""

    name = "meta_curvature"

    def __init__(self, backbone: nn.Module, config: GradientConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        for name, weight in backbone.named_parameters():
            if weight.ndim not in DIMENSIONS:
                raise UsageError(
                    f"meta_curvature takes weights of 1, 2 or 4 dimensions; {name} has {weight.ndim}: take another "
                    "backbone."
                )
        self.curvature = ParameterUpdate(self.network.parameters(), MetaCurvatureTransform)

    def cloning(self) -> Callable[[], Any]:
        return GBML(self.network, None, self.config.inner_lr, compute_update=self.curvature).clone

    def step(self, loss: Tensor, weights: list[nn.Parameter]) -> None:
        for weight, change in zip(weights, self.curvature(loss, weights), strict=True):
            weight.add_(change, alpha=-self.config.inner_lr)
