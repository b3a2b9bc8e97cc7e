"""Random views of a batch: every sample gets parameters of its own, all drawn from one generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from harness.data import colour
from harness.data.augmentation import Augmentation
from harness.data.geometry import affine, crop_resize

ASPECT = (3 / 4, 4 / 3)  # of a random crop
TRIES = 10  # boxes drawn for a random crop before it is the whole picture


def augment(pixels: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view of each image: float (N, C, H, W) in [0, 1] -> the same shape and range."""
    draw = Draw(len(pixels), generator)
    given = pixels
    mirrored = draw.chance(strength.flip) if strength.flip else None
    if strength.crop:
        pixels = crop_resize(pixels, draw.boxes(strength.crop, pixels.shape[2], pixels.shape[3]), mirrored)
    elif mirrored is not None:
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    if strength.rotate or strength.translate or strength.scale or strength.shear:
        pixels = affine(pixels, *draw.moves(strength, pixels.shape[2], pixels.shape[3]))
    if pixels is given:
        pixels = pixels.clone()  # what follows writes in place
    if strength.jitter:
        pixels = some(pixels, draw.chance(0.8), lambda part, rows: jitter(part, strength.jitter or 0.0, draw.of(rows)))
    if strength.gray and pixels.shape[1] == 3:
        pixels = some(pixels, draw.chance(strength.gray), lambda part, _: colour.luminance(part).expand_as(part))
    if strength.blur:
        sigma = draw.uniform(0.1, 2.0)
        pixels = some(pixels, draw.chance(strength.blur), lambda part, rows: colour.blur(part, sigma[rows]))
    if strength.solarise:
        pixels = some(pixels, draw.chance(strength.solarise), lambda part, _: colour.solarise(part))
    return pixels


def some(
    pixels: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor], everything: bool | None = None
) -> Tensor:
    """Apply `change`, given images and their rows, to the `chosen` (N,) ones; `pixels` may be overwritten.

    With `everything`, as on a GPU, it is applied to all and thrown away where not chosen: to count the chosen would
    make the host wait.
    """
    if pixels.device.type != "cpu" if everything is None else everything:
        rows = torch.arange(len(pixels), device=pixels.device)
        return torch.where(chosen[:, None, None, None], change(pixels, rows), pixels)
    rows = chosen.nonzero().squeeze(1)
    if not len(rows):
        return pixels
    return pixels.index_copy_(0, rows, change(pixels.index_select(0, rows), rows))


class Draw:
    """Random parameters, one per sample."""

    def __init__(self, number: int, generator: torch.Generator) -> None:
        self.number = number
        self.generator = generator

    def of(self, rows: Tensor) -> Draw:
        """For some of the samples only."""
        return Draw(len(rows), self.generator)

    def uniform(self, low: float, high: float, *more: int) -> Tensor:
        """(N, *more)"""
        device = self.generator.device
        return low + (high - low) * torch.rand(self.number, *more, generator=self.generator, device=device)

    def chance(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability

    def orders(self, number: int) -> Tensor:
        """A random permutation of 0 .. number - 1 for each sample: (N, number)."""
        return self.uniform(0, 1, number).argsort(1)

    def boxes(self, share: tuple[float, float], height: int, width: int) -> Tensor:
        """Random resized crops, (N, 4): top, left, height, width.

        An area share and a log-uniform aspect, drawn again while the box is too large for the picture.
        """
        area = height * width * self.uniform(*share, TRIES)
        ratio = self.uniform(math.log(ASPECT[0]), math.log(ASPECT[1]), TRIES).exp()
        heights, widths = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
        fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
        first = fits.int().argmax(1, keepdim=True)
        found = fits.any(1)
        high = torch.where(found, heights.gather(1, first).squeeze(1), height)
        wide = torch.where(found, widths.gather(1, first).squeeze(1), width)
        top = (self.uniform(0, 1) * (height - high + 1)).floor()
        left = (self.uniform(0, 1) * (width - wide + 1)).floor()
        return torch.stack([top, left, high, wide], 1).long()

    def moves(self, strength: Augmentation, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Angle, shift in pixels (N, 2), zoom and horizontal shear of `affine`."""
        most = strength.translate or 0.0
        angle = torch.deg2rad(self.uniform(-1, 1) * (strength.rotate or 0.0))
        shift = torch.stack([width * self.uniform(-most, most), height * self.uniform(-most, most)], 1)
        zoom = self.uniform(*(strength.scale or (1.0, 1.0)))
        return angle, shift, zoom, torch.deg2rad(self.uniform(-1, 1) * (strength.shear or 0.0))


def jitter(pixels: Tensor, strength: float, draw: Draw) -> Tensor:
    """Brightness, contrast, saturation (.8 s each) and hue (.2 s), in an order of each sample's own. `pixels` may be
    overwritten."""
    spread = 0.8 * strength
    amounts = [draw.uniform(max(0.0, 1 - spread), 1 + spread) for _ in range(3)]
    amounts.append(draw.uniform(-0.2 * strength, 0.2 * strength))
    changes = [colour.brightness, colour.contrast, colour.saturation, colour.hue]
    if pixels.shape[1] != 3:
        changes, amounts = changes[:2], amounts[:2]
    for place in draw.orders(len(changes)).unbind(1):
        for number, (change, amount) in enumerate(zip(changes, amounts, strict=True)):
            pixels = some(pixels, place == number, partial(_by_amount, change, amount))
    return pixels


def _by_amount(change: Callable[[Tensor, Tensor], Tensor], amount: Tensor, part: Tensor, rows: Tensor) -> Tensor:
    return change(part, amount[rows][:, None, None, None])
