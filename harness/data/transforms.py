"""Batched augmentation on the device: every sample gets parameters of its own, all drawn from one generator."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.data.augmentation import Augmentation

LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision use
ASPECT = (3 / 4, 4 / 3)  # of a random crop


def augment(pixels: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view of each image: float (N, C, H, W) in [0, 1] -> the same shape and range."""
    draw = Draw(len(pixels), generator)
    geometry = affine(strength, draw)
    if geometry is not None:
        grid = F.affine_grid(geometry, list(pixels.shape), align_corners=False)
        pixels = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if strength.jitter:
        chosen = draw.chance(0.8)[:, None, None, None]
        pixels = torch.where(chosen, jitter(pixels, strength.jitter, draw), pixels)
    if strength.gray and pixels.shape[1] == 3:
        pixels = torch.where(
            draw.chance(strength.gray)[:, None, None, None], luminance(pixels).expand_as(pixels), pixels
        )
    if strength.blur:
        chosen = draw.chance(strength.blur)[:, None, None, None]
        pixels = torch.where(chosen, blur(pixels, draw.uniform(0.1, 2.0)), pixels)
    return pixels


class Draw:
    """Random parameters, one per sample."""

    def __init__(self, number: int, generator: torch.Generator) -> None:
        self.number = number
        self.generator = generator

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.number, generator=self.generator, device=self.generator.device)

    def chance(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability

    def orders(self, number: int) -> Tensor:
        """A random permutation of 0 .. number - 1 for each sample: (N, number)."""
        keys = torch.rand(self.number, number, generator=self.generator, device=self.generator.device)
        return keys.argsort(1)


def affine(strength: Augmentation, draw: Draw) -> Tensor | None:
    """Where each output point is read from, in coordinates of -1 .. 1: (N, 2, 3); None if nothing moves.

    Crop, flip, rotation, zoom, shear and shift are one map, so that pixels are interpolated once.
    """
    matrix = torch.eye(3, device=draw.generator.device).repeat(draw.number, 1, 1)
    still = True
    if strength.crop:
        matrix, still = matrix @ _crop(strength.crop, draw), False
    if strength.flip:
        matrix, still = matrix @ _diagonal(torch.where(draw.chance(strength.flip), -1.0, 1.0), torch.ones(())), False
    if strength.rotate or strength.scale or strength.shear:
        matrix, still = matrix @ _turn(strength, draw), False
    if strength.translate:
        shift = torch.zeros_like(matrix)
        shift[:, 0, 2] = 2 * draw.uniform(-strength.translate, strength.translate)
        shift[:, 1, 2] = 2 * draw.uniform(-strength.translate, strength.translate)
        matrix, still = matrix + shift, False
    return None if still else matrix[:, :2]


def _crop(share: tuple[float, float], draw: Draw) -> Tensor:
    """Random resized crop: an area share, a log-uniform aspect, a place; sides are clipped to the picture."""
    area = draw.uniform(*share)
    ratio = draw.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    crop = _diagonal(width, height)
    crop[:, 0, 2] = (1 - width) * draw.uniform(-1, 1)
    crop[:, 1, 2] = (1 - height) * draw.uniform(-1, 1)
    return crop


def _turn(strength: Augmentation, draw: Draw) -> Tensor:
    """Rotation, zoom and horizontal shear about the centre of a square picture."""
    angle = torch.deg2rad(draw.uniform(-1, 1) * (strength.rotate or 0.0))
    slope = torch.tan(torch.deg2rad(draw.uniform(-1, 1) * (strength.shear or 0.0)))
    zoom = 1 / draw.uniform(*(strength.scale or (1.0, 1.0)))
    turn = _diagonal(zoom * (angle.cos() - slope * angle.sin()), zoom * angle.cos())
    turn[:, 0, 1] = zoom * (slope * angle.cos() + angle.sin())
    turn[:, 1, 0] = -zoom * angle.sin()
    return turn


def _diagonal(x: Tensor, y: Tensor) -> Tensor:
    number = max(x.numel(), y.numel())
    matrix = torch.zeros(number, 3, 3, device=x.device)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 2, 2] = x, y.to(x.device), 1
    return matrix


def luminance(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W); one channel is its own luminance."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    weights = torch.tensor(LUMA, device=pixels.device, dtype=pixels.dtype)
    return (pixels * weights[:, None, None]).sum(1, keepdim=True)


def jitter(pixels: Tensor, strength: float, draw: Draw) -> Tensor:
    """Brightness, contrast, saturation (.8 s each) and hue (.2 s), in an order of each sample's own."""
    spread = 0.8 * strength
    factors = [draw.uniform(max(0.0, 1 - spread), 1 + spread) for _ in range(3)]
    amounts = [*factors, draw.uniform(-0.2 * strength, 0.2 * strength)]
    changes = [brightness, contrast, saturation, hue] if pixels.shape[1] == 3 else [brightness, contrast]
    orders = draw.orders(len(changes))
    pixels = pixels.clone()
    for place in orders.unbind(1):
        for number, change in enumerate(changes):
            rows = (place == number).nonzero().squeeze(1)
            pixels[rows] = change(pixels[rows], amounts[number][rows][:, None, None, None])
    return pixels


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    return (pixels * factor).clamp(0, 1)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    mean = luminance(pixels).mean((1, 2, 3), keepdim=True)
    return (factor * pixels + (1 - factor) * mean).clamp(0, 1)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    return (factor * pixels + (1 - factor) * luminance(pixels)).clamp(0, 1)


def hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of RGB pixels by `shift` of a whole turn (through HSV)."""
    greatest, least = pixels.amax(1), pixels.amin(1)
    chroma = greatest - least
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    red, green, blue = pixels.unbind(1)
    sector = torch.where(
        greatest == red,
        (green - blue) / safe,
        torch.where(greatest == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turned = (sector / 6 + shift.squeeze(1)) * 6
    offsets = torch.tensor([5.0, 3.0, 1.0], device=pixels.device)[:, None, None]
    place = (offsets + turned[:, None]) % 6
    ramp = torch.minimum(place, 4 - place).clamp(0, 1)
    return greatest[:, None] - chroma[:, None] * ramp


def blur(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of each image with its own `sigma` (N,), in pixels; the kernel is a tenth of the picture wide."""
    number, channels, height, width = pixels.shape
    half = max(1, min(height, width) // 20)
    offsets = torch.arange(-half, half + 1, device=pixels.device, dtype=pixels.dtype)
    kernel = torch.softmax(-(offsets**2) / (2 * sigma[:, None] ** 2), dim=1).repeat_interleave(channels, 0)
    planes = F.pad(pixels.reshape(1, number * channels, height, width), (half, half, half, half), mode="reflect")
    planes = F.conv2d(planes, kernel[:, None, :, None], groups=number * channels)
    planes = F.conv2d(planes, kernel[:, None, None, :], groups=number * channels)
    return planes.reshape(pixels.shape)
