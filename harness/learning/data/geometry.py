"""Crops, mirrors, rotates and shifts the images of a batch, each with its own parameters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def crop_resize(pixels: Tensor, boxes: Tensor, mirrored: Tensor | None = None, side: int = 0) -> Tensor:
    """Cut a box out of each image and resize it to `side` x `side` pixels, or by default to the image's own size,
    bilinear and antialiased; then mirror some.

    `pixels` float (N, C, H, W); `boxes` int64 (N, 4): top, left, height, width in pixels; `mirrored` bool (N,).
    Resizing is linear along each axis, so it is two products with small matrices, one pair per image.
    """
    height, width = pixels.shape[2:]
    rows = resize_matrix(boxes[:, 0], boxes[:, 2], height, side)
    columns = resize_matrix(boxes[:, 1], boxes[:, 3], width, side, mirrored)
    squeezed = pixels.flatten(1, 2) @ columns.mT  # (N, C * H, W): one product per image
    return rows[:, None] @ squeezed.unflatten(1, pixels.shape[1:3])


def resize_matrix(start: Tensor, length: Tensor, size: int, outputs: int = 0, mirrored: Tensor | None = None) -> Tensor:
    """The weights (N, outputs, size) that resize `length` of `size` pixels from `start` on, both (N,), to `outputs`
    pixels, by default to `size`; the order of the outputs is reversed where `mirrored` (N,).

    Output pixel i looks at the point (i + 1/2) length / outputs of the cut with a triangle as wide as the reduction.
    """
    outputs = outputs or size
    places, wanted = (torch.arange(number, device=start.device) + 0.5 for number in (size, outputs))
    if mirrored is not None:
        wanted = torch.where(mirrored[:, None], outputs - wanted, wanted)
    ratio = length[:, None] / outputs
    distances = (places - start[:, None])[:, None, :] - (wanted * ratio)[:, :, None]  # (N, outputs, inputs)
    weights = distances.abs_().div_(-ratio.clamp_min(1)[:, :, None]).add_(1).clamp_min_(0)  # in place: less memory
    inside = (places > start[:, None]) & (places < (start + length)[:, None])
    weights.mul_(inside[:, None])
    return weights.div_(weights.sum(2, keepdim=True))


def affine(pixels: Tensor, angle: Tensor, shift: Tensor, zoom: Tensor, slope: Tensor) -> Tensor:
    """Shear, turn and zoom each image about its centre, then shift it; bilinear, black where nothing is.

    `pixels` float (N, C, H, W); `angle` and `slope` (the horizontal shear) in radians (N,); `shift` (N, 2): right and
    down, in pixels; `zoom` (N,).
    """
    height, width = pixels.shape[2:]
    cos, sin, tan = angle.cos(), angle.sin(), slope.tan()
    # the inverse map: where an output point, in pixels from the centre, is read from
    inverse = torch.stack([cos - sin * tan, sin + cos * tan, -sin, cos], 1).unflatten(1, (2, 2)) / zoom[:, None, None]
    right, down = (-(inverse @ shift[:, :, None])).squeeze(2).unbind(1)
    rows = [  # in units of half a picture; plain numbers, since a tensor of them would make the host wait for a GPU
        torch.stack([inverse[:, 0, 0], inverse[:, 0, 1] * (height / width), right * (2 / width)], 1),
        torch.stack([inverse[:, 1, 0] * (width / height), inverse[:, 1, 1], down * (2 / height)], 1),
    ]
    matrix = torch.stack(rows, 1)
    grid = F.affine_grid(matrix, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
