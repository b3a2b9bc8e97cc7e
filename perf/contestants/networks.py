"""The networks as users of the peers write them: the same layers as the harness's, in the default memory layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from worker import Options


def backbone(name: str, channels: int, side: int) -> tuple[nn.Module, int]:
    """A network from (N, channels, side, side) to features, and their number."""
    if name == "resnet18":
        network = resnet18(weights=None)
        network.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
        network.fc = nn.Identity()
        return network, 512
    pools = name == "conv4 pool"
    layers: list[nn.Module] = []
    for inputs in (channels, 64, 64, 64):
        stride = 1 if pools else 2
        layers += [nn.Conv2d(inputs, 64, 3, stride, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pools else []
    if pools:
        return nn.Sequential(*layers, nn.Flatten()), 64 * (side // 16) ** 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), 64


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.06, momentum=0.9, weight_decay=5e-4)


def autocast(options: Options) -> torch.autocast:
    return torch.autocast(options["device"], torch.bfloat16, enabled=options["precision"] == "bf16")


def loader(dataset: Any, options: Options, **arguments: Any) -> Any:
    """A DataLoader as a careful user sets it up."""
    workers = options["loader_workers"]
    return torch.utils.data.DataLoader(
        dataset,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=options["device"] == "cuda",
        **arguments,
    )


def forever(batches: Iterable[Any]) -> Iterator[Any]:
    while True:
        yield from batches


class Pictures(torch.utils.data.Dataset[tuple[Any, int]]):
    """PIL images with a label; `transform` acts on the image, as in torchvision's data sets, where lightly sets it."""

    transform: Any = None

    def __init__(self, images: Tensor) -> None:
        from torchvision.transforms.functional import to_pil_image

        self.images = [to_pil_image(image) for image in images]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.images[index]
        return (self.transform(image) if self.transform else image), 0
