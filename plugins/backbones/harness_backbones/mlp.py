"""A multilayer perceptron for vectors."""

from __future__ import annotations

from torch import Tensor, nn

from harness import VectorShape
from harness_backbones import MLPConfig


class MLP(nn.Module):
    """Float vectors (N, D) to features (N, width): `depth` linear layers, with batch norm and ReLU after all but the
    last, as in the encoder of SCARF (Bahri et al. 2022, arXiv:2106.15147), which has no batch norm."""

    def __init__(self, config: MLPConfig, shape: VectorShape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = shape.width
        for _ in range(config.depth - 1):
            layers += [nn.Linear(inputs, config.width, bias=False), nn.BatchNorm1d(config.width), nn.ReLU()]
            inputs = config.width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, config.width))
        self.feature_dim = config.width

    def forward(self, vectors: Tensor) -> Tensor:
        return self.layers(vectors)
