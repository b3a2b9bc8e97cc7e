"""What the tests of several method plugins share: a small network, data with a known answer, a loop, a score."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Augmentation, Data, Method, Split, class_means
from harness.data.batches import Source

CLASSES = 6


class TinyNet(nn.Module):
    """Two convolutions with batch norm, mean over space: (N, 1, H, W) -> (N, 32)."""

    feature_dim = 32

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, self.feature_dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(self.feature_dim),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).mean((2, 3))


def _stamps(number: int, generator: torch.Generator) -> Split:
    """One of six random 7x7 stamps in each 14x14 picture: at a random place, in random ink, under noise."""
    stamps = torch.randint(2, (CLASSES, 7, 7), generator=torch.Generator().manual_seed(6)).float()
    labels = torch.randint(CLASSES, (number,), generator=generator)
    pictures = torch.rand(number, 14, 14, generator=generator) * 0.3
    ink = 0.2 + 0.5 * torch.rand(number, generator=generator)
    rows, columns = torch.randint(8, (2, number), generator=generator).tolist()
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        pictures[i, row : row + 7, column : column + 7] += ink[i] * stamps[labels[i]]
    return Split((pictures[:, None].clamp(0, 1) * 255).to(torch.uint8), labels, tuple("abcdef"))


@pytest.fixture(scope="session")
def stamps() -> Data:
    """Six classes that differ in shape alone. The recommended augmentation moves and fades, as the data does."""
    generator = torch.Generator().manual_seed(0)
    splits = {"train": _stamps(1024, generator), "test": _stamps(512, generator)}
    return Data.of(splits, Augmentation(translate=0.2, jitter=0.8), torch.device("cpu"))


@pytest.fixture
def tiny_net() -> TinyNet:
    """The same initial weights for every test."""
    torch.manual_seed(0)
    return TinyNet()


@pytest.fixture
def fit() -> Callable[..., list[float]]:
    """Train a method for some steps, as plainly as can be; the loss of each step."""

    def fit(method: Method, data: Data, steps: int, lr: float = 0.1, batch_size: int = 64) -> list[float]:
        source = Source(data, batch_size, seed=0)
        optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr, momentum=0.9)
        losses = []
        assert method.batches is not None
        method.train()
        for step in range(steps):
            torch.manual_seed(step)
            loss = method.loss(method.batches.draw(source, step))
            loss = loss["loss"] if isinstance(loss, dict) else loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            method.after_step(step, steps)
            losses.append(loss.item())
        return losses

    return fit


@pytest.fixture
def score() -> Callable[[Method, Data], float]:
    """Share of test images whose nearest class mean (by cosine, from the training split) is the right one."""

    @torch.no_grad()
    def score(method: Method, data: Data) -> float:
        method.eval()
        train, test = (
            F.normalize(method.encode(data.normalize(data.pixels(split.images))), dim=1)
            for split in (data.train, data.split("test"))
        )
        means = F.normalize(class_means(train[None], data.train.labels[None], CLASSES)[0], dim=1)
        return ((test @ means.T).argmax(1) == data.split("test").labels).float().mean().item()

    return score
