"""Options of augmentations. This module imports no torch, so that plugins can use it when they register components."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from harness.plugins.options import option


@dataclass(frozen=True)
class Augmentation:
    """Strength of each random change of a picture. None takes the data set's recommendation; without one, the change is
    off.
    """

    crop: tuple[float, float] | None = option(None, "random resized crop: least and greatest share of the area")
    flip: float | None = option(None, "probability of a horizontal flip")
    jitter: float | None = option(None, "strength of colour jitter (.8s, .8s, .8s, .2s), applied with probability .8")
    gray: float | None = option(None, "probability of dropping the colour")
    blur: float | None = option(None, "probability of a Gaussian blur, sigma .1 to 2 pixels")
    solarise: float | None = option(None, "probability of inverting what is brighter than .5")
    rotate: float | None = option(None, "greatest rotation, in degrees")
    translate: float | None = option(None, "greatest shift, as a share of the picture")
    scale: tuple[float, float] | None = option(None, "least and greatest zoom")
    shear: float | None = option(None, "greatest shear, in degrees")

    def over(self, recommended: Augmentation) -> Augmentation:
        """Fill in what is None.

        Args:
            recommended: The values to take where this one has None.

        Returns:
            The augmentation without None, as far as `recommended` has values.
        """
        said = {name: value for name, value in vars(self).items() if value is not None}
        return dataclasses.replace(recommended, **said)


@dataclass(frozen=True)
class Crops:
    """Changes to how views of pictures are made, where the views have another size than the pictures.

    Attributes:
        augmentation: Changes to the data set's augmentation.
        side: Height and width of the views, in pixels; 0: those of the pictures.
    """

    augmentation: Augmentation = Augmentation()
    side: int = 0


@dataclass(frozen=True)
class TextView:
    """How a view of a text is made from its tokens. None takes the data set's recommendation."""

    view: Literal["dropout", "crop", "delete"] | None = option(
        None, "dropout: the same tokens; crop: some that follow each other; delete: without some"
    )
    rate: float | None = option(None, "share of the tokens that crop and delete leave out")

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 <= self.rate < 1:
            raise ValueError(f"rate is a share of the tokens: at least 0 and below 1, not {self.rate}")

    def over(self, recommended: TextView) -> TextView:
        """Fill in what is None.

        Args:
            recommended: The values to take where this one has None.

        Returns:
            The options without None, as far as `recommended` has values.
        """
        return TextView(view=self.view or recommended.view, rate=recommended.rate if self.rate is None else self.rate)
