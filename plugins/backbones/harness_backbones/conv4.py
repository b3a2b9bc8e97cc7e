"""Conv4: four times 3x3 convolution, batch norm, ReLU, with pooling (ProtoNet) or strides (MAML on Omniglot)."""

from __future__ import annotations

from torch import Tensor, nn

from harness import ImageShape
from harness_backbones import Conv4Config


class Conv4(nn.Module):
    """Float images (N, C, H, W) to features (N, feature_dim).

    - ``pool`` (Snell et al. 2017, section 3.1): 2x2 max-pooling after each layer, maps flattened: 64 features for
      28x28, 256 for 32x32, 1600 for 84x84. A layer whose map is 1 px high or wide does not pool: 8x8 images work too.
    - ``stride`` (Finn et al. 2017, section 5.2): stride 2 instead of pooling, mean over space: `width` features at
      any size. On a map of 1x1 the stride is 1, with the same result: in bfloat16 on a CPU, torch 2.15 has undefined
      gradients of a stride of 2 there.
    """

    def __init__(self, config: Conv4Config, shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = shape
        strided = config.variant == "stride"
        layers: list[nn.Module] = []
        strides = [1]
        for inputs in (channels, *[config.width] * 3):
            halves = (max if strided else min)(height, width) >= 2
            layers.append(_layer(inputs, config.width, strided, halves))
            if halves:
                height, width = ((side + strided) // 2 for side in (height, width))
            strides.append(strides[-1] * (2 if halves else 1))
        self.layers = nn.Sequential(*layers)
        self.strides = tuple(strides[1:])
        self.strided = strided
        self.feature_dim = config.width if strided else config.width * height * width

    def forward(self, images: Tensor) -> Tensor:
        maps = self.layers(images)
        return maps.mean((2, 3)) if self.strided else maps.flatten(1)

    def maps(self, images: Tensor) -> list[Tensor]:
        """The output of each layer, (N, width, H / stride, W / stride), for images of any size."""
        maps = [images]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        return maps[1:]


def _layer(inputs: int, outputs: int, strided: bool, halves: bool) -> nn.Sequential:
    """Halves height and width, if it does so at all, by its stride or by pooling."""
    stride = 2 if strided and halves else 1
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)  # batch norm would take a bias away
    if strided:
        nn.init.xavier_uniform_(convolution.weight)  # as MAML's code; torch's default is what ProtoNet's code used
    parts: list[nn.Module] = [convolution, nn.BatchNorm2d(outputs)]
    if halves and not strided:
        parts.append(nn.MaxPool2d(2))  # before ReLU, which then has a quarter of the values: the result is the same
    return nn.Sequential(*parts, nn.ReLU())
