"""torchvision's residual networks, headless, with the stem that small images need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision.models import resnet

from harness import ImageShape
from harness_backbones import ResNetConfig

SMALL = 64  # px; the ImageNet stem would leave 2x2 maps or less of anything smaller


def resnet18(config: ResNetConfig, shape: ImageShape) -> nn.Module:
    """Float images (N, C, H, W) to features (N, 512)."""
    return _headless(resnet.resnet18, resnet.BasicBlock, (2, 2, 2, 2), config, shape)


def resnet50(config: ResNetConfig, shape: ImageShape) -> nn.Module:
    """Float images (N, C, H, W) to features (N, 2048)."""
    return _headless(resnet.resnet50, resnet.Bottleneck, (3, 4, 6, 3), config, shape)


class Headless(resnet.ResNet):
    """torchvision's network with further attributes of a backbone."""

    strides: tuple[int, ...]

    def maps(self, images: Tensor) -> list[Tensor]:
        """The output of each of the four stages, (N, C, H / stride, W / stride), for images of any size."""
        maps = [self.maxpool(self.relu(self.bn1(self.conv1(images))))]
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps.append(stage(maps[-1]))
        return maps[1:]


def _headless(
    build: Callable[..., Any], block: type[nn.Module], depths: tuple[int, ...], config: ResNetConfig, shape: ImageShape
) -> nn.Module:
    """The network that `build` makes of these blocks, with its stem made for `shape`, its pooled features instead of
    class scores."""
    channels, height, width = shape
    network = Headless(block, list(depths))
    small = config.stem == "small" or (config.stem == "auto" and min(height, width) < SMALL)
    # SimCLR's stem for CIFAR-10 (appendix B.9)
    kernel, stride, padding = (3, 1, 1) if small else (7, 2, 3)
    network.conv1 = nn.Conv2d(channels, 64, kernel, stride, padding, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    if small:
        network.maxpool = nn.Identity()
    network.strides = (1, 2, 4, 8) if small else (4, 8, 16, 32)
    network.feature_dim = network.fc.in_features
    network.fc = nn.Identity()
    network.weight_names = (as_children, as_lightly)
    network.library_code = "\n".join(
        [
            "import torch",
            "from torchvision.models import resnet",
            "",
            f"network = resnet.{build.__name__}()",
            f"network.conv1 = torch.nn.Conv2d({channels}, 64, {kernel}, {stride}, {padding}, bias=False)",
            *(["network.maxpool = torch.nn.Identity()"] if small else []),
            "network.fc = torch.nn.Identity()",
        ]
    )
    return network


CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
LIGHTLY = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")  # of its ResNetGenerator, made for small images


def as_children(name: str) -> str:
    """As in `nn.Sequential(*list(resnet18().children())[:-1])`: conv1.weight is 0.weight."""
    first, dot, rest = name.partition(".")
    return f"{CHILDREN.index(first)}{dot}{rest}"


def as_lightly(name: str) -> str:
    """The same of lightly's own network, which has no max-pool and calls shortcuts by that name."""
    first, dot, rest = name.partition(".")
    return f"{LIGHTLY.index(first)}{dot}{rest.replace('downsample.', 'shortcut.')}"
