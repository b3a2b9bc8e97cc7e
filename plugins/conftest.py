"""What the tests of several method plugins share: a small network, data with a known answer, a loop, a score."""

from __future__ import annotations

import math
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


def _gratings(number: int, generator: torch.Generator) -> Split:
    """Stripes in one of six directions, 14x14, of random phase, contrast and brightness, under noise."""
    labels = torch.randint(CLASSES, (number,), generator=generator)
    phase, contrast, brightness = torch.rand(3, number, 1, 1, generator=generator)
    angle = labels[:, None, None] * (math.pi / CLASSES)
    along = torch.arange(14) * angle.cos() + torch.arange(14)[:, None] * angle.sin()
    waves = torch.sin(2 * math.pi * (along / 4 + phase))
    noise = torch.randn(number, 14, 14, generator=generator)
    pictures = 0.3 + 0.4 * brightness + (0.05 + 0.25 * contrast) * waves + 0.1 * noise
    return Split((pictures[:, None].clamp(0, 1) * 255).to(torch.uint8), labels, tuple("abcdef"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Networks as small as the tests' are slower on several threads, and far slower where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def gratings() -> Data:
    """Six classes that differ in direction alone; the recommended augmentation keeps it and changes the rest."""
    generator = torch.Generator().manual_seed(0)
    splits = {"train": _gratings(1024, generator), "test": _gratings(512, generator)}
    return Data.of(splits, Augmentation(translate=0.15, jitter=1.0), torch.device("cpu"))


@pytest.fixture
def tiny_net() -> TinyNet:
    """The same initial weights for every test."""
    torch.manual_seed(0)
    return TinyNet()


@pytest.fixture
def fit() -> Callable[..., list[float]]:
    """Train a method for some steps, as plainly as can be; the loss of each step."""

    def fit(method: Method, data: Data, steps: int, lr: float, batch_size: int = 64) -> list[float]:
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
