"""The generator: a small DCGAN that turns random vectors into pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

COARSEST = 8  # the longest side, in pixels, that maps begin with; DCGAN's for pictures of 64 is 4


class Generator(nn.Module):
    """Latents (N, D) to pictures in [0, 1] (N, C, H, W): the generator of DCGAN (Radford et al. 2016, arXiv:1511.06434)
    with a last layer that keeps the size, as SNDCGAN's (Miyato et al. 2018, arXiv:1802.05957)."""

    def __init__(self, latents: int, width: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        doublings = max(1, math.ceil(math.log2(max(self.height, self.width) / COARSEST)))
        first = width * 2**doublings
        sides = (math.ceil(self.height / 2**doublings), math.ceil(self.width / 2**doublings))
        layers: list[nn.Module] = [
            nn.Linear(latents, first * math.prod(sides), bias=False),
            nn.Unflatten(1, (first, *sides)),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        ]
        for doubling in range(doublings):
            maps = first // 2**doubling
            layers += [
                nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(maps // 2),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, latents: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(latents))[:, :, : self.height, : self.width]
