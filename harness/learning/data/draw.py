"""Random numbers for the samples of a batch, which do not depend on how the batch is divided over devices."""

from __future__ import annotations

import torch
from torch import Tensor


class Draw:
    """Random parameters for the `own` ones of `number` samples: what each sample gets does not depend on which are."""

    def __init__(self, number: int, generator: torch.Generator, own: slice = slice(None)) -> None:
        self.number = number
        self.generator = generator
        self.own = own

    def of(self, chosen: Tensor) -> Draw:
        """For the `chosen` ones of all samples (number,), or for all where all are changed and some kept."""
        if chosen.device.type != "cpu":
            return self
        before, within = (int(chosen[part].sum()) for part in (slice(self.own.start or 0), self.own))
        return Draw(int(chosen.sum()), self.generator, slice(before, before + within))

    def everywhere(self, low: float, high: float, *more: int) -> Tensor:
        """For all samples, not the own ones alone: (number, *more)"""
        device = self.generator.device
        return low + (high - low) * torch.rand(self.number, *more, generator=self.generator, device=device)

    def uniform(self, low: float, high: float, *more: int) -> Tensor:
        """(N, *more)"""
        return self.everywhere(low, high, *more)[self.own]

    def chances(self, probability: float) -> Tensor:
        """For all samples (number,)"""
        return self.everywhere(0, 1) < probability

    def chance(self, probability: float) -> Tensor:
        return self.chances(probability)[self.own]

    def orders(self, number: int) -> Tensor:
        """A random permutation of 0 .. number - 1 for each sample: (N, number)."""
        return self.uniform(0, 1, number).argsort(1)
