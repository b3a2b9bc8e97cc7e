"""Networks: the backbone over transitions, perceptrons, and the policy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness_metarl import TransitionMLPConfig
from harness_metarl.tasks import TaskShape

LOG_STD = (-20.0, 2.0)  # bounds of the policy's log deviation, as in the authors' code of SAC


def mlp(inputs: int, width: int, layers: int, outputs: int) -> nn.Sequential:
    """A perceptron with `layers` hidden layers."""
    made: list[nn.Module] = []
    for number in range(layers):
        made += [nn.Linear(width if number else inputs, width), nn.ReLU()]
    return nn.Sequential(*made, nn.Linear(width, outputs))


class TransitionMLP(nn.Module):
    """A perceptron over each transition (s, a, r) of a context, and the mean over transitions: (N, C, O + A + 1) ->
    (N, feature_dim). The order of the transitions does not matter."""

    def __init__(self, config: TransitionMLPConfig, shape: TaskShape) -> None:
        super().__init__()
        self.feature_dim = config.width
        self.layers = mlp(shape.transition, config.width, config.layers - 1, config.width)

    def forward(self, context: Tensor) -> Tensor:
        return F.relu(self.layers(context)).mean(-2)


class Policy(nn.Module):
    """A Gaussian whose samples pass a tanh (Haarnoja et al. 2018, arXiv:1801.01290, appendix C)."""

    def __init__(self, inputs: int, width: int, layers: int, actions: int) -> None:
        super().__init__()
        self.layers = mlp(inputs, width, layers, 2 * actions)

    def forward(self, inputs: Tensor) -> Tensor:
        """The deterministic action: tanh of the mean."""
        return self.layers(inputs).chunk(2, -1)[0].tanh()

    def sample(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (..., A) and their log densities (...)."""
        mean, log_std = self.layers(inputs).float().chunk(2, -1)
        std = log_std.clamp(*LOG_STD).exp()
        return squashed(mean, std, torch.randn_like(mean))


def squashed(mean: Tensor, std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """tanh(u) of u = mean + std * noise (..., A), and its log density: that of u, less the sum of log(1 - tanh(u)²),
    which is 2 (log 2 - u - softplus(-2 u))."""
    u = mean + std * noise
    log_density = -0.5 * noise.square() - std.log() - 0.5 * math.log(2 * math.pi)
    return u.tanh(), (log_density - 2 * (math.log(2) - u - F.softplus(-2 * u))).sum(-1)
