"""Random numbers for the samples of a batch, independent of how the batch is divided over devices."""

from __future__ import annotations

import torch
from torch import Tensor


class Draw:
    """Draws random parameters for the samples of a batch, independent of how the batch is divided over devices.

    Numbers are drawn for the whole batch, and those of the own samples are returned. N is the number of own samples.

    Args:
        number: Number of samples of the whole batch.
        generator: Source of the numbers.
        own: Which of the samples are those of this rank; all by default.
    """

    def __init__(self, number: int, generator: torch.Generator, own: slice = slice(None)) -> None:
        self.number = number
        self.generator = generator
        self.own = own

    def of(self, chosen: Tensor) -> Draw:
        """Restrict to chosen samples, for a change that is applied to some of them.

        Args:
            chosen: Which samples of the whole batch are chosen, bool (number,).

        Returns:
            A draw for the chosen samples on a CPU. On other devices itself: there all samples are changed, and the
            unchanged ones are kept where they were not chosen.
        """
        if chosen.device.type != "cpu":
            return self
        before, within = (int(chosen[part].sum()) for part in (slice(self.own.start or 0), self.own))
        return Draw(int(chosen.sum()), self.generator, slice(before, before + within))

    def everywhere(self, low: float, high: float, *more: int) -> Tensor:
        """Draw uniform numbers for all samples of the batch, not only the own ones.

        Args:
            low: Lower end.
            high: Upper end.
            *more: Further dimensions.

        Returns:
            Numbers (number, *more).
        """
        device = self.generator.device
        return low + (high - low) * torch.rand(self.number, *more, generator=self.generator, device=device)

    def uniform(self, low: float, high: float, *more: int) -> Tensor:
        """Draw uniform numbers for the own samples.

        Args:
            low: Lower end.
            high: Upper end.
            *more: Further dimensions.

        Returns:
            Numbers (N, *more).
        """
        return self.everywhere(low, high, *more)[self.own]

    def chances(self, probability: float) -> Tensor:
        """Draw for all samples of the batch whether something happens.

        Args:
            probability: Probability for each sample.

        Returns:
            bool (number,).
        """
        return self.everywhere(0, 1) < probability

    def chance(self, probability: float) -> Tensor:
        """Draw for the own samples whether something happens.

        Args:
            probability: Probability for each sample.

        Returns:
            bool (N,).
        """
        return self.chances(probability)[self.own]

    def orders(self, number: int) -> Tensor:
        """Draw a random permutation for each own sample.

        Args:
            number: Length of the permutations.

        Returns:
            Permutations of 0 .. number - 1, int64 (N, number).
        """
        return self.uniform(0, 1, number).argsort(1)
