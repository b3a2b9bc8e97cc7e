"""What a sample is, how a network gets it, and what a random view of it is. The rest of the harness asks, and knows no
kind of sample by name."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.data.draw import Draw
from harness.learning.data.streaming import Samples, Streamed, at

Shape = Any
"""What a backbone must know of a modality to be built. It is hashable, and prints as a user reads it."""


class Modality:
    """A kind of sample. A subclass says what may differ between two data sets of it, such as the size of pictures.

    name: what data sets and backbones register that they give and take.
    shape: what a backbone is built for.
    note: how samples of another shape are made to fit, for the records; "" where they are as they are.
    """

    name: ClassVar[str]
    shape: Shape
    note: str = ""
    exported_as: ClassVar[str] = "what its data set's modality gives a network"  # in words, what `exported` gives

    def check(self, samples: Samples) -> None:
        """Raises UsageError unless these are samples of this modality, of this shape."""

    def inputs(self, samples: Tensor) -> Tensor:
        """Samples (..., *sample) as a network sees them, in a new tensor or the same one. Default: as they are."""
        return samples

    def exported(self, samples: Tensor) -> Tensor:
        """Samples as an exported encoder takes them, which does the `normalization` itself. Default: `inputs`."""
        return self.inputs(samples)

    @property
    def normalization(self) -> tuple[Tensor, Tensor] | None:
        """Mean and deviation that make of what `exported` gives what `inputs` gives: (x - mean) / std. None: nothing is
        left to do."""
        return None

    def view(self, samples: Tensor, draw: Draw) -> Tensor:  # noqa: ARG002 (for modalities that have random views)
        """One random view of each of N samples as a network sees it, by numbers of `draw` alone. Default: `inputs`."""
        return self.inputs(samples)

    def parts(self, samples: Samples, index: Tensor, draw: Draw) -> Tensor | None:  # noqa: ARG002 (likewise)
        """Which part of each of the streamed samples at `index` (N,) a view shows, for `Streamed.parts`: int64
        (N, ...), on the CPU, by numbers of `draw` alone. Default: None, `view` is given whole samples."""
        return None

    def view_of_parts(self, samples: Tensor, draw: Draw) -> Tensor:
        """`view`, of what was read as `parts` say."""
        return self.view(samples, draw)

    def shown(self, samples: Samples, index: Tensor, draw: Draw, number: int = 1) -> Tensor | None:
        """`parts` of `number` views of each sample, (N, number, ...), for `views`, and to prefetch them before."""
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
        """The `inputs` of the samples at `index` (N,), `plain` times, then `number` random views of each: of the parts
        that are `shown`, if any."""
        if shown is None or not isinstance(samples, Streamed):
            given = at(samples, index)
            return [self.inputs(given)] * plain + [self.view(given, draw) for _ in range(number)]
        whole = [self.inputs(at(samples, index))] * plain if plain else []
        return whole + [self.view_of_parts(part, draw) for part in samples.parts(index, shown).unbind(1)]

    def order(self, samples: Samples) -> Tensor | None:  # noqa: ARG002 (for modalities whose samples differ in size)
        """In which order samples are encoded fastest, int64 (N,): those of one size after each other. None: any."""
        return None

    @property
    def augments(self) -> bool:
        """Whether two views of a sample differ."""
        return False

    def augmented(self, changes: Any) -> Modality:
        """With a method's changes to how views are made: options of the modality's own. None changes nothing.

        Raises UsageError for changes that are not for this modality.
        """
        if changes is None or changes == type(changes)():
            return self
        raise UsageError(f"{type(changes).__name__} is not for {self.name}: leave 'augment' out.")

    def fitted(self, other: Modality) -> Modality:
        """How samples of `other`, of another data set, reach a network that was made for samples of this one.

        Default: as they are, if the shapes are equal. Raises UsageError if they cannot.
        """
        if other.name != self.name:
            raise UsageError(f"the encoder takes {self.name}, and these are {other.name}.")
        if other.shape != self.shape:
            raise UsageError(f"the encoder takes {self.shape}, and these are {other.shape}.")
        return self

    def adopt(self, backbone: nn.Module) -> torch.memory_format:  # noqa: ARG002 (for modalities that have a choice)
        """Prepare a new backbone for inputs of this modality; the layout in memory that its method should have."""
        return torch.preserve_format

    def prepared_for(self, backbone: nn.Module) -> Modality:  # noqa: ARG002 (for modalities that can be prepared)
        """As a backbone takes it that says how its samples must be prepared. Default: as it is."""
        return self

    def to(self, device: torch.device) -> Self:  # noqa: ARG002 (for modalities that hold tensors)
        """With its own tensors on the device."""
        return self
