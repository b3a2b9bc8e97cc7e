"""The data set `textures`: sums of waves. Classes differ in statistics of the whole picture, not in outlines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness import Augmentation, ImageDataset, Split
from harness_domains.drawn import SIZE, Pictures, as_bytes, splits_of

SEED = 20_260_201
WAVES = 3
NOISE = 0.08  # standard deviation, of pixels in [0, 1]


class Textures(ImageDataset):
    """`train` and `test`: drawings of the same classes; `validation`, `novel`: further classes; uint8 28x28."""

    augmentation = Augmentation(crop=(0.5, 1.0), rotate=10.0)  # never flipped: a mirrored texture is another class

    def load(self) -> Mapping[str, Split]:
        return splits_of(draw, "texture", SEED)


def draw(number: int, generator: np.random.Generator) -> Pictures:
    """Pictures (number, 28, 28) of one class: three waves, a contrast curve. In each, the phases are random; the whole
    turns up to 8 degrees and is scaled by .9 to 1.1; contrast, brightness and noise differ."""
    frequency = np.exp(generator.uniform(np.log(2.0), np.log(8.0), WAVES))  # waves in a picture
    angle = generator.uniform(0, np.pi, WAVES)
    weight = generator.uniform(0.3, 1.0, WAVES)
    offset, sharpness = generator.uniform(-0.6, 0.6), np.exp(generator.uniform(np.log(0.7), np.log(4.0)))

    turned = angle + np.deg2rad(generator.uniform(-8, 8, (number, 1)))
    scaled = 2 * np.pi * frequency * generator.uniform(0.9, 1.1, (number, 1))
    phase = generator.uniform(0, 2 * np.pi, (number, WAVES))
    contrast = generator.uniform(0.6, 1.0, (number, 1, 1))
    brightness = generator.uniform(0.42, 0.58, (number, 1, 1))

    axis = (np.arange(SIZE) + 0.5) / SIZE
    along = np.cos(turned)[..., None, None] * axis + np.sin(turned)[..., None, None] * axis[:, None]
    waves = np.cos(scaled[..., None, None] * along + phase[..., None, None])
    height = np.tanh(sharpness * (np.einsum("nwij,w->nij", waves, weight / weight.sum()) + 0.5 * offset))
    noise = generator.normal(0, NOISE, height.shape)
    return as_bytes(brightness + 0.5 * contrast * height / np.tanh(sharpness) + noise)
