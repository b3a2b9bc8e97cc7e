"""Changes the colours of a batch: float images (N, C, H, W) in [0, 1], with an amount (N, 1, 1, 1) for each image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision use


def luminance(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W); one channel is its own luminance."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    red, green, blue = pixels.split(1, 1)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def blend(pixels: Tensor, factor: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Brightness, contrast or saturation by `factor` f: f x + (1 - f) m of pixels x, where m is black, the picture's
    mean luminance if `contrast`, or each pixel's luminance if `saturation`, both bool like the factors. Overwrites
    `pixels`.

    Written so that each operation has at most one factor per image: with two, torch takes ten times as long on a CPU.
    """
    grey = luminance(pixels)
    mean = grey.mean((1, 2, 3), keepdim=True)
    grey.mul_((1 - factor) * saturation).add_((1 - factor) * contrast * mean)
    return pixels.mul_(factor).add_(grey).clamp_(0, 1)


def hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of RGB pixels by `shift` of a whole turn (through HSV).

    Which channel is the greatest is told by factors of 0 and 1, because on a CPU `torch.where` takes longer than all
    the rest.
    """
    red, green, blue = pixels.unbind(1)
    greater, lesser = torch.maximum(green, blue), torch.minimum(green, blue)
    greatest, middle = torch.maximum(red, greater), torch.minimum(red, greater)
    least = torch.minimum(middle, lesser)
    chroma = greatest - least
    bluish = (greater - green).sign_()  # 1 where blue exceeds green
    not_red = (greatest - red).sign_()  # 1 where red is not the greatest
    # The hue is |start + (middle - lesser) / chroma| sixths of a turn. Where red is the greatest, start is 0 or, if
    # bluish, -6; where green is, -2; where blue is, 4. Grey has no chroma, and any hue leaves it grey.
    start = torch.addcmul(-6 * bluish, not_red, bluish.mul_(12).sub_(2))
    turned = (middle - lesser).div_(chroma.clamp_min(1e-12)).add_(start).abs_()
    turned.add_(6 * shift.squeeze(1))
    turned.sub_((turned / 6).floor_(), alpha=6)
    peaks = torch.arange(2, 5, device=pixels.device)[:, None, None]  # of green, of blue; and 3, where red is the least
    of_green, of_red, of_blue = (turned[:, None] - peaks).abs_().sub_(1).clamp_(0, 1).unbind(1)  # shares of the chroma
    channels = [
        torch.addcmul(least, chroma, of_red),
        torch.addcmul(greatest, chroma, of_green, value=-1),
        torch.addcmul(greatest, chroma, of_blue, value=-1),
    ]
    return torch.stack(channels, 1)


def solarise(pixels: Tensor, threshold: float = 0.5) -> Tensor:
    """Invert what is at least as bright as `threshold`."""
    return torch.where(pixels >= threshold, 1 - pixels, pixels)


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
