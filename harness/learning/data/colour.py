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


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    return (pixels * factor).clamp_(0, 1)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    mean = luminance(pixels).mean((1, 2, 3), keepdim=True)
    return (pixels * factor).add_(mean * (1 - factor)).clamp_(0, 1)  # `lerp` takes twice as long with such shapes


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(luminance(pixels), pixels, factor).clamp_(0, 1)


def hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of RGB pixels by `shift` of a whole turn (through HSV).

    Sectors are chosen by factors of 0 and 1, because on a CPU `torch.where` takes longer than all the rest.
    """
    red, green, blue = pixels.unbind(1)
    greatest = torch.maximum(torch.maximum(red, green), blue)
    chroma = greatest - torch.minimum(torch.minimum(red, green), blue)
    share = chroma.clamp_min(1e-12).reciprocal_()  # grey has no chroma and stays as it is, whatever its sector
    not_red = (greatest - red).sign_()  # 1 where red is not the greatest
    in_blue = (greatest - green).sign_().mul_(not_red)
    turned = (green - blue).mul_(share).mul_(1 - not_red)
    turned.addcmul_((blue - red).mul_(share).add_(2), not_red - in_blue)
    turned.addcmul_((red - green).mul_(share).add_(4), in_blue)
    result = torch.empty_like(pixels)
    for channel, offset in enumerate((5.0, 3.0, 1.0)):
        place = turned + (6 * shift.squeeze(1) + offset)
        place = place.sub_((place / 6).floor_(), alpha=6)
        torch.addcmul(greatest, chroma, torch.minimum(place, 4 - place).clamp_(0, 1), value=-1, out=result[:, channel])
    return result


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
