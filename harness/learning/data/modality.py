"""The base class of modalities: what a sample is, how a network receives it, and what a random view of it is.

The other modules call it and know no kind of sample by name.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.data.draw import Draw
from harness.learning.data.streaming import Samples, Streamed, at

Shape = Any
"""What a backbone must know of the samples to be built, such as an `ImageShape`. It is hashable, and its `str` is shown
to users.
"""


class Modality:
    """Base class of modalities: a kind of sample. An instance describes the samples of one data set.

    Attributes:
        name: Name of the modality, which data sets and backbones register.
        shape: Shape of the samples, which a backbone is built for.
        note: How samples of another shape are converted, for the record; "" if they are not.
        exported_as: In words, what `exported` returns.
    """

    name: ClassVar[str]
    shape: Shape
    note: str = ""
    exported_as: ClassVar[str] = "what its data set's modality gives a network"  # in words, what `exported` gives

    def check(self, samples: Samples) -> None:
        """Check that samples are of this modality and shape.

        Args:
            samples: The samples of a split.

        Raises:
            UsageError: They are not.
        """

    def inputs(self, samples: Tensor) -> Tensor:
        """Convert samples to inputs of a network. By default they are unchanged.

        Args:
            samples: Samples (..., *sample).

        Returns:
            Inputs, in a new tensor or the same one.
        """
        return samples

    def exported(self, samples: Tensor) -> Tensor:
        """Convert samples to what an exported encoder takes, which applies `normalization` itself. By default `inputs`.

        Args:
            samples: Samples (..., *sample).

        Returns:
            Inputs before normalisation.
        """
        return self.inputs(samples)

    @property
    def normalization(self) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation with (exported - mean) / std = inputs; None if both are equal."""
        return None

    def view(self, samples: Tensor, draw: Draw) -> Tensor:  # noqa: ARG002 (for modalities that have random views)
        """Make one random view of each sample. By default it is `inputs`.

        Args:
            samples: Samples (N, ...).
            draw: Source of all random numbers.

        Returns:
            Views (N, ...), as a network receives them.
        """
        return self.inputs(samples)

    def parts(self, samples: Samples, index: Tensor, draw: Draw) -> Tensor | None:  # noqa: ARG002 (likewise)
        """Choose which part of each streamed sample a view shows, so that only this part is read. By default None: all
        of it.

        Args:
            samples: The samples of the split.
            index: Indices of samples, int64 (N,).
            draw: Source of all random numbers.

        Returns:
            Parts for `Streamed.parts`, int64 (N, ...), on the CPU; None to read whole samples.
        """
        return None

    def view_of_parts(self, samples: Tensor, draw: Draw) -> Tensor:
        """Make one random view of each sample from the part that `parts` chose. By default `view`.

        Args:
            samples: Parts of samples (N, ...).
            draw: Source of all random numbers.

        Returns:
            Views (N, ...), as a network receives them.
        """
        return self.view(samples, draw)

    def shown(self, samples: Samples, index: Tensor, draw: Draw, number: int = 1) -> Tensor | None:
        """Choose the parts for several views of each sample.

        Args:
            samples: The samples of the split.
            index: Indices of samples, int64 (N,).
            draw: Source of all random numbers.
            number: Number of views.

        Returns:
            Parts (N, number, ...); None to read whole samples.
        """
        drawn = [self.parts(samples, index, draw) for _ in range(number)] if isinstance(samples, Streamed) else []
        known = [part for part in drawn if part is not None]
        return torch.stack(known, 1) if known else None

    def views(
        self,
        samples: Samples,
        index: Tensor,
        draw: Draw,
        number: int = 1,
        shown: Tensor | None = None,
        plain: int = 0,
    ) -> list[Tensor]:
        """Return inputs and random views of samples.

        Args:
            samples: The samples of the split.
            index: Indices of samples, int64 (N,).
            draw: Source of all random numbers.
            number: Number of random views of each sample.
            shown: What `shown` returned for these samples; None for whole samples.
            plain: Number of copies of the inputs without augmentation, which come first.

        Returns:
            `plain` + `number` tensors (N, ...).
        """
        if shown is None or not isinstance(samples, Streamed):
            given = at(samples, index)
            return [self.inputs(given)] * plain + [self.view(given, draw) for _ in range(number)]
        whole = [self.inputs(at(samples, index))] * plain if plain else []
        return whole + [self.view_of_parts(part, draw) for part in samples.parts(index, shown).unbind(1)]

    def order(self, samples: Samples) -> Tensor | None:  # noqa: ARG002 (for modalities whose samples differ in size)
        """Choose the order in which samples are encoded fastest, for samples that differ in size. By default None.

        Args:
            samples: The samples of a split.

        Returns:
            A permutation, int64 (N,), in which samples of similar size are neighbours; None for any order.
        """
        return None

    @property
    def augments(self) -> bool:
        """Whether two views of a sample differ."""
        return False

    def augmented(self, changes: Any) -> Modality:
        """Apply a method's changes to how views are made.

        Args:
            changes: Options of this modality, such as an `Augmentation` for pictures; None for no changes.

        Returns:
            The changed modality.

        Raises:
            UsageError: The changes are for another modality.
        """
        if changes is None or changes == type(changes)():
            return self
        raise UsageError(f"{type(changes).__name__} cannot be used for {self.name}: leave 'augment' out.")

    def fitted(self, other: Modality) -> Modality:
        """Convert samples of another data set for a network that was made for samples of this one.

        By default samples are unchanged, and shapes must be equal.

        Args:
            other: The modality of the other data set.

        Returns:
            A modality for the other samples.

        Raises:
            UsageError: The network cannot take them.
        """
        if other.name != self.name:
            raise UsageError(f"the encoder takes {self.name}, but the samples are {other.name}.")
        if other.shape != self.shape:
            raise UsageError(f"the encoder takes {self.shape}, but the samples are {other.shape}.")
        return self

    def adopt(self, backbone: nn.Module) -> torch.memory_format:  # noqa: ARG002 (for modalities that have a choice)
        """Prepare a new backbone for inputs of this modality.

        Args:
            backbone: The backbone; it may be changed.

        Returns:
            The memory format that the method should have.
        """
        return torch.preserve_format

    def prepared_for(self, backbone: nn.Module) -> Modality:  # noqa: ARG002 (for modalities that can be prepared)
        """Adapt to a backbone that says how its samples must be prepared. By default nothing changes.

        Args:
            backbone: The backbone.

        Returns:
            The modality for this backbone.

        Raises:
            UsageError: The samples cannot be prepared for it.
        """
        return self

    def to(self, device: torch.device) -> Self:  # noqa: ARG002 (for modalities that hold tensors)
        """Move the modality's own tensors to a device."""
        return self
