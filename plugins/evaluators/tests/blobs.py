"""What tests of evaluators share: six classes that are blobs of pixels, and a method that remembers its episodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness import Classifier, Data, Method, Split, Trained, UsageError
from harness.testing.problem import image_data

SHAPE = (1, 2, 2)


class Pixels(nn.Module):
    """The image is its own feature."""

    feature_dim = 4

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


class Recorder(Method):
    """Nearest centroid, on features or on images, that remembers the episodes it met."""

    def __init__(self, adapts_on: str = "features") -> None:
        super().__init__(nn.Sequential(nn.BatchNorm2d(1), Pixels()), None, blobs())
        self.adapts_on = adapts_on  # type: ignore[assignment, misc]  # one class serves both cases of the test
        self.met: list[Tensor] = []

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        self.met.append(support.flatten(2))
        classify = super().adapt(support.flatten(2), labels, ways)
        return lambda query: classify(query.flatten(2))

    def check_ways(self, ways: int) -> None:
        if ways > 6:
            raise UsageError("at most 6 ways")


def blobs(spread: float = 12.0, per_class: int = 20, seed: int = 0) -> Data:
    """Six classes around six corners of pixel space, in `train` and `test`; `novel` has further samples of them."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[60, 60, 60, 190], [60, 60, 190, 60], [60, 190, 60, 60], [190, 60, 60, 60]])
    centres = torch.cat([centres, torch.tensor([[190, 190, 60, 60], [60, 60, 190, 190]])]).float()
    classes = tuple("abcdef")

    def split() -> Split:
        labels = torch.arange(6).repeat_interleave(per_class)
        noise = spread * torch.randn(len(labels), 4, generator=generator)
        images = (centres[labels] + noise).round().clamp(0, 255).to(torch.uint8)
        return Split(images.view(-1, *SHAPE), labels, classes)

    return image_data({name: split() for name in ("train", "test", "novel")})


def trained(data: Data, method: Method | None = None) -> Trained:
    return Trained((method or Recorder()).eval(), data)


def features(number: int, dims: int, seed: int) -> Tensor:
    return torch.randn(number, dims, generator=torch.Generator().manual_seed(seed))
