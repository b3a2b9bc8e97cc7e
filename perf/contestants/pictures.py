"""What all contestants train on: random pixels, the same for all. Only number and shape matter to a timing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

DRAWINGS = 20  # of each character, as in Omniglot


def photos(number: int) -> Tensor:
    """uint8 (number, 3, 32, 32)"""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (number, 3, 32, 32), dtype=torch.uint8, generator=generator)


def characters(classes: int) -> tuple[Tensor, Tensor]:
    """uint8 (classes * 20, 1, 28, 28) and their labels, class by class."""
    generator = torch.Generator().manual_seed(0)
    images = 255 * torch.randint(2, (classes * DRAWINGS, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return images, torch.arange(classes).repeat_interleave(DRAWINGS)


class ReadyCharacters(Dataset[tuple[Tensor, int]]):
    """The same for the peers: floats of zero mean and unit variance, one by one, from a list, which is quickest."""

    def __init__(self, classes: int) -> None:
        images, labels = characters(classes)
        pixels = images.float() / 255
        self.samples = list(zip((pixels - pixels.mean()) / pixels.std(), labels.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.samples[index]

    def get_labels(self) -> list[int]:
        """What easyfsl asks for."""
        return [label for _, label in self.samples]
