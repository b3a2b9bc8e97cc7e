"""Multi-crop: batches of two large crops and several small ones of each picture, and the networks that take them.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from harness import Augmentation, Backbone, Crops, Data, Images, ImageShape, Source, UsageError, Views

LARGE = 2  # crops of each picture that targets are computed of


class CropBatch(NamedTuple):
    """Crops of N pictures.

    Attributes:
        large: Two random views of each (2, N, C, H, W).
        small: Further views of a smaller part of each (V, N, C, side, side); none for V = 0.
    """

    large: Tensor
    small: Tensor


@dataclass(frozen=True)
class MultiCrop:
    """Batches of two large and several small crops of each picture (Caron et al. 2020, arXiv:2006.09882, section 3.2):
    a `CropBatch`.

    Attributes:
        small: Small crops of each picture.
        side: Their height and width, in pixels.
        augmentation: Changes to the data set's augmentation, for all crops.
        area: Least and greatest share of the picture's area that a small crop shows.
    """

    small: int
    side: int
    augmentation: Augmentation
    area: tuple[float, float]

    @property
    def large_views(self) -> Views:
        return Views(LARGE, self.augmentation)

    def check(self, source: Source) -> None:
        self.large_views.check(source)

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size

    def views_per_step(self, source: Source) -> int:
        return (LARGE + self.small) * source.batch_size

    def draw(self, source: Source, step: int) -> CropBatch:
        large = self.large_views.draw(source, step)
        if not self.small:
            return CropBatch(large, large[:0])
        changes = Crops(Augmentation(crop=self.area).over(self.augmentation), self.side)
        return CropBatch(large, torch.stack(source.views(step, self.small, changes, name="small")))


def batches_of(config: Any, backbone: nn.Module, data: Data) -> MultiCrop:
    """The batches that a config with `augment`, `small_crops`, `small_side` and `small_area` says.

    Raises UsageError for samples that are not pictures, or a backbone that cannot take the small crops.
    """
    if not isinstance(data.modality, Images):
        raise UsageError(f"crops of several sizes are of pictures, and these are {data.modality.name}.")
    shape = data.modality.shape
    side = config.small_side or min(shape.height, shape.width) // 2
    if config.small_crops:
        _require_size(backbone, ImageShape(shape.channels, side, side))
    return MultiCrop(config.small_crops, side, config.augment, config.small_area)


@torch.no_grad()
def _require_size(backbone: nn.Module, shape: ImageShape) -> None:
    """Raises UsageError unless the backbone gives features of pictures of this shape, one black one to try."""
    wanted, training, given = (1, cast(Backbone, backbone).feature_dim), backbone.training, next(backbone.parameters())
    try:
        found = tuple(backbone.eval()(torch.zeros(1, *shape, dtype=given.dtype, device=given.device)).shape)
    except Exception as error:  # noqa: BLE001 (each network refuses in its own way)
        found, reason = (), f": {' '.join(str(error).split())[:200]}"
    else:
        reason = f", of which it makes {found[1]} features instead of {wanted[1]}"
    finally:
        backbone.train(training)
    if found != wanted:
        raise UsageError(
            f"the backbone cannot take small crops, {shape}{reason}. Take one for pictures of any size, such as conv4 "
            "with 'variant: stride', a ResNet or timm's with 'any_size: true', or set small_crops to 0."
        )


def of_all(network: nn.Module, crops: CropBatch) -> Tensor:
    """The network's outputs of all crops (2 + V, N, D), the large ones first. Crops of one size pass as one batch, and
    share batch-norm statistics, as in the authors' code."""
    sizes = [each for each in crops if len(each)]
    return torch.cat([network(each.flatten(0, 1)).unflatten(0, each.shape[:2]) for each in sizes])
