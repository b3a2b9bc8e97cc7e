"""Random views of a batch of images; each sample has its own parameters, drawn from one generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.learning.data import colour
from harness.learning.data.augmentation import Augmentation
from harness.learning.data.draw import Draw
from harness.learning.data.geometry import affine, crop_resize

ASPECT = (3 / 4, 4 / 3)  # of a random crop
CONTRAST, SATURATION, HUE = 1, 2, 3  # numbers of changes in an order; 0 is brightness
TRIES = 10  # boxes drawn for a random crop before it is the whole picture


def augment(pixels: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view of each image: float (N, C, H, W) in [0, 1] -> the same shape and range."""
    return augment_with(Draw(len(pixels), generator), pixels, strength)


def augment_with(draw: Draw, pixels: Tensor, strength: Augmentation, side: int = 0) -> Tensor:
    """Augment the images of a batch with random parameters from `draw`; then they have `side` x `side` pixels, or by
    default as many as before."""
    given = pixels
    mirrored = draw.chance(strength.flip) if strength.flip else None
    if strength.crop:
        pixels = crop_resize(pixels, boxes(draw, strength.crop, pixels.shape[2], pixels.shape[3]), mirrored, side)
    elif mirrored is not None:
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    if side and not strength.crop:
        pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    if strength.rotate or strength.translate or strength.scale or strength.shear:
        pixels = affine(pixels, *moves(draw, strength, pixels.shape[2], pixels.shape[3]))
    if pixels is given:
        pixels = pixels.clone()  # what follows writes in place
    if strength.jitter:
        shaken = draw.chances(0.8)
        amounts, orders = shakes(draw.of(shaken), strength.jitter, pixels.shape[1])
        pixels = some(pixels, shaken[draw.own], lambda part, _: jitter(part, amounts, orders))
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
    """Apply `change`, given images that it may overwrite and their rows, to the `chosen` (N,) ones; `pixels` may be
    overwritten.

    With `everything`, as on a GPU, it is applied to all and thrown away where not chosen: to count the chosen would
    make the host wait.
    """
    if pixels.device.type != "cpu" if everything is None else everything:
        rows = torch.arange(len(pixels), device=pixels.device)
        return torch.where(chosen[:, None, None, None], change(pixels.clone(), rows), pixels)
    rows = chosen.nonzero().squeeze(1)
    if not len(rows):
        return pixels
    return pixels.index_copy_(0, rows, change(pixels.index_select(0, rows), rows))


def shakes(draw: Draw, strength: float, channels: int) -> tuple[list[Tensor], Tensor]:
    """Amounts of `jitter`, .8 s for brightness, contrast and saturation, .2 s for hue, and the order of each."""
    spread = 0.8 * strength
    amounts = [draw.uniform(max(0.0, 1 - spread), 1 + spread) for _ in range(3)]
    amounts.append(draw.uniform(-0.2 * strength, 0.2 * strength))
    amounts = amounts if channels == 3 else amounts[:2]
    return amounts, draw.orders(len(amounts))


def boxes(
    draw: Draw, share: tuple[float, float], height: int | Tensor, width: int | Tensor, *, centred: bool = False
) -> Tensor:
    """Random resized crops, (N, 4): top, left, height, width. `height` and `width` of the pictures: those of all, or
    (N, 1).

    An area share and a log-uniform aspect, drawn again while the box is too large for the picture. Where none fits, it
    is the whole picture, or, if `centred`, the largest box of an allowed aspect at its centre: torchvision's way.
    """
    area = height * width * draw.uniform(*share, TRIES)
    ratio = draw.uniform(math.log(ASPECT[0]), math.log(ASPECT[1]), TRIES).exp()
    heights, widths = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first = fits.int().argmax(1, keepdim=True)
    found = fits.any(1, keepdim=True)
    tallest, widest = _largest(height, width) if centred else (height, width)
    high = torch.where(found, heights.gather(1, first), tallest)
    wide = torch.where(found, widths.gather(1, first), widest)
    top, left = ((draw.uniform(0, 1, 1) * (side - part + 1)).floor() for side, part in ((height, high), (width, wide)))
    if centred:
        top = torch.where(found, top, ((height - high) / 2).floor())
        left = torch.where(found, left, ((width - wide) / 2).floor())
    return torch.cat([top, left, high, wide], 1).long()


def _largest(height: int | Tensor, width: int | Tensor) -> tuple[Tensor, Tensor]:
    """Height and width of the largest box with an allowed aspect ratio."""
    high, wide = torch.as_tensor(height).float(), torch.as_tensor(width).float()
    return torch.minimum(high, (wide / ASPECT[0]).round()), torch.minimum(wide, (high * ASPECT[1]).round())


def moves(draw: Draw, strength: Augmentation, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Angle, shift in pixels (N, 2), zoom and horizontal shear of `affine`."""
    most = strength.translate or 0.0
    angle = torch.deg2rad(draw.uniform(-1, 1) * (strength.rotate or 0.0))
    shift = torch.stack([width * draw.uniform(-most, most), height * draw.uniform(-most, most)], 1)
    zoom = draw.uniform(*(strength.scale or (1.0, 1.0)))
    return angle, shift, zoom, torch.deg2rad(draw.uniform(-1, 1) * (strength.shear or 0.0))


def jitter(pixels: Tensor, amounts: list[Tensor], orders: Tensor) -> Tensor:
    """Brightness, contrast and, of colours, saturation and hue, by each sample's `amounts` and in its order, (N, 2) or
    (N, 4). `pixels` may be overwritten.

    The first three have one formula, so they are one operation for all samples, whichever change is due.
    """
    by_change = torch.stack(amounts, 1)
    for due in orders.unbind(1):
        amount = by_change.gather(1, due[:, None])[:, :, None, None]
        which = due[:, None, None, None]
        factor = torch.where(which == HUE, 1.0, amount)  # 1 leaves a sample as it is
        pixels = colour.blend(pixels, factor, contrast=which == CONTRAST, saturation=which == SATURATION)
        if pixels.shape[1] == 3:
            pixels = some(pixels, due == HUE, partial(_turn_hue, amount))
    return pixels


def _turn_hue(amount: Tensor, part: Tensor, rows: Tensor) -> Tensor:
    return colour.hue(part, amount[rows])
