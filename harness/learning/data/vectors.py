"""Vectors: rows of a table, or features that were computed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.data.draw import Draw
from harness.learning.data.modality import Modality
from harness.learning.data.streaming import Samples, Streamed, read_batches

MEASURED = 65_536  # rows of a larger split that mean and deviation are taken from
MARGINALS = 4096  # rows that values of views are drawn from


class VectorShape(NamedTuple):
    """Shape of vectors.

    Attributes:
        width: Number of values D.
    """

    width: int

    def __str__(self) -> str:
        return f"vectors of {self.width}"


@dataclass(frozen=True, eq=False)
class Vectors(Modality):
    """Vectors, float32 (N, D). The network receives zero mean and unit variance per column over the training split.

    A view replaces a random fraction of the columns by values that other training samples have there (SCARF, Bahri et
    al. 2022, arXiv:2106.15147, section 3.1; SCARF itself leaves one of the two views unchanged).

    Attributes:
        shape: Shape of the vectors.
        corruption: Fraction of the columns that a view replaces, in [0, 1].
        mean: Mean of each column (D,).
        std: Standard deviation of each column (D,).
        marginals: Training samples (M, D) that replacements are drawn from.
    """

    name: ClassVar[str] = "vectors"
    exported_as: ClassVar[str] = "rows of numbers, as they are in the table"

    shape: VectorShape
    corruption: float
    mean: Tensor  # (D,)
    std: Tensor
    marginals: Tensor  # (M, D): some training samples

    @classmethod
    def of(cls, train: Samples, corruption: float = 0.6) -> Vectors:
        """Measure the mean and variance of training vectors.

        Args:
            train: Samples of the training split.
            corruption: Fraction of the columns that a view replaces, in [0, 1].

        Returns:
            The modality.

        Raises:
            UsageError: The samples are not float32 (N, D), or not finite.
        """
        _check(train)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
        some = torch.cat(list(read_batches(train, order[:MEASURED].sort().values.split(4096))))
        if not some.isfinite().all():
            raise UsageError("vectors must be finite; some hold NaN or infinity.")
        mean, std = some.double().mean(0), some.double().std(0, correction=0)
        std = torch.where(std > 1e-12, std, torch.ones_like(std))  # a column without variance stays at 0
        return cls(VectorShape(some.shape[1]), corruption, mean.float(), std.float(), some[:MARGINALS])

    def check(self, samples: Samples) -> None:
        _check(samples)
        if samples.shape[1] != self.shape.width:  # type: ignore[union-attr]  # a tensor, now that it is checked
            raise UsageError(f"all splits must have {self.shape}.")

    def inputs(self, samples: Tensor) -> Tensor:
        """Standardise vectors, float32 (..., D)."""
        return (samples - self.mean) / self.std

    def exported(self, samples: Tensor) -> Tensor:
        """Return vectors, float32 (..., D), unchanged."""
        return samples

    @property
    def normalization(self) -> tuple[Tensor, Tensor]:
        return self.mean, self.std

    def view(self, samples: Tensor, draw: Draw) -> Tensor:
        replaced = draw.uniform(0, 1, self.shape.width) < self.corruption
        rows = (draw.uniform(0, 1, self.shape.width) * len(self.marginals)).long().clamp_max(len(self.marginals) - 1)
        return self.inputs(torch.where(replaced, self.marginals.gather(0, rows), samples))

    @property
    def augments(self) -> bool:
        return self.corruption > 0

    def to(self, device: torch.device) -> Self:
        moved = {name: getattr(self, name).to(device) for name in ("mean", "std", "marginals")}
        return replace(self, **moved)


def _check(samples: Samples) -> None:
    if not isinstance(samples, Tensor | Streamed) or samples.ndim != 2 or samples.dtype != torch.float32:
        said = f"{samples.dtype} {tuple(samples.shape)}" if isinstance(samples, Tensor | Streamed) else "texts"
        raise UsageError(f"vectors must be float32 (N, D), not {said}.")
