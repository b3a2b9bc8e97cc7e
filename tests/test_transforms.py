"""Batched augmentation against torchvision's per-image result with the same parameters."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as reference

from harness import Augmentation
from harness.data import transforms
from harness.data.transforms import Draw, augment

IMAGES = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
FACTORS = torch.tensor([0.0, 0.4, 0.9, 1.0, 1.3, 1.8])
SHIFTS = torch.tensor([-0.5, -0.2, 0.0, 0.05, 0.3, 0.5])


def per_image(function, amounts: torch.Tensor) -> torch.Tensor:
    return torch.stack([function(image, float(amount)) for image, amount in zip(IMAGES, amounts, strict=True)])


@pytest.mark.parametrize(
    ("ours", "theirs", "amounts"),
    [
        (transforms.brightness, reference.adjust_brightness, FACTORS),
        (transforms.contrast, reference.adjust_contrast, FACTORS),
        (transforms.saturation, reference.adjust_saturation, FACTORS),
        (transforms.hue, reference.adjust_hue, SHIFTS),
    ],
    ids=["brightness", "contrast", "saturation", "hue"],
)
def test_colour(ours, theirs, amounts: torch.Tensor) -> None:
    torch.testing.assert_close(
        ours(IMAGES, amounts[:, None, None, None]), per_image(theirs, amounts), atol=1e-5, rtol=0
    )


def test_grey_and_blur() -> None:
    torch.testing.assert_close(transforms.luminance(IMAGES), reference.rgb_to_grayscale(IMAGES), atol=1e-5, rtol=0)
    sigmas = torch.tensor([0.1, 0.5, 1.0, 1.5, 2.0, 0.3])
    expected = per_image(lambda image, sigma: reference.gaussian_blur(image, [3, 3], [sigma, sigma]), sigmas)
    torch.testing.assert_close(transforms.blur(IMAGES, sigmas), expected, atol=1e-5, rtol=0)


def moved(matrix: torch.Tensor, padding: str = "zeros") -> torch.Tensor:
    grid = F.affine_grid(matrix[:, :2], list(IMAGES.shape), align_corners=False)
    return F.grid_sample(IMAGES, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def test_a_crop_equals_cutting_and_resizing() -> None:
    """A quarter of the area at the top left: pixels 0..11, made 24 wide."""
    values = {(0.25, 0.25): 0.25, (math.log(3 / 4), math.log(4 / 3)): 0.0, (-1, -1): -1.0}

    class Fixed(Draw):
        def uniform(self, low: float, high: float) -> torch.Tensor:
            return torch.full((6,), -1.0 if (low, high) == (-1, 1) else values[low, high])

    matrix = transforms._crop((0.25, 0.25), Fixed(6, torch.Generator()))
    expected = F.interpolate(IMAGES[:, :, :12, :12], size=(24, 24), mode="bilinear", align_corners=False)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # at its border, a cut has no neighbours to mix in
    torch.testing.assert_close(moved(matrix, "border")[inner], expected[inner], atol=1e-5, rtol=0)


def test_a_turn_equals_torchvisions() -> None:
    class Fixed(Draw):
        def uniform(self, low: float, high: float) -> torch.Tensor:
            return torch.full((6,), 1.0 if (low, high) == (-1, 1) else high)

    matrix = transforms._turn(Augmentation(rotate=20.0, scale=(1.0, 1.25), shear=8.0), Fixed(6, torch.Generator()))
    expected = torch.stack(
        [
            reference.affine(image, 20.0, [0, 0], 1.25, [8.0, 0.0], interpolation=reference.InterpolationMode.BILINEAR)
            for image in IMAGES
        ]
    )
    torch.testing.assert_close(moved(matrix), expected, atol=1e-4, rtol=0)


def test_flips_mirror_about_half_of_the_images() -> None:
    images = torch.rand(4000, 1, 4, 4)
    flipped = augment(images, Augmentation(flip=0.3), torch.Generator().manual_seed(0))
    mirrored = (flipped - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    same = (flipped - images).abs().amax((1, 2, 3)) < 1e-5
    assert bool((mirrored | same).all())
    assert abs(float(mirrored.float().mean()) - 0.3) < 0.03


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_at_once_keeps_shape_and_range_and_differs_by_sample(channels: int) -> None:
    strength = Augmentation(
        crop=(0.2, 1.0),
        flip=0.5,
        jitter=1.0,
        gray=0.2,
        blur=0.5,
        rotate=30.0,
        translate=0.2,
        scale=(0.7, 1.3),
        shear=10.0,
    )
    images = torch.rand(1, channels, 32, 32).expand(64, -1, -1, -1)
    views = augment(images, strength, torch.Generator().manual_seed(0))
    assert views.shape == images.shape
    assert float(views.min()) >= -1e-6
    assert float(views.max()) <= 1 + 1e-6
    assert len(views.flatten(1).unique(dim=0)) == 64


def test_jitter_orders_are_each_samples_own() -> None:
    orders = Draw(2000, torch.Generator().manual_seed(0)).orders(3)
    counts = torch.bincount((orders * torch.tensor([9, 3, 1])).sum(1))
    assert len(counts.nonzero()) == 6  # all 3! orders
    assert float(counts[counts > 0].float().min()) > 2000 / 6 * 0.75
