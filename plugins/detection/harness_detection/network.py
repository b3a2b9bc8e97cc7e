"""A detector on a copy of an encoder: torchvision's parts, without their resizing, normalisation and frozen norms."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import roi_align

from harness import Method, UsageError, unwrapped
from harness_detection import DetectionConfig, TransferConfig

REGION = 7  # places of a side of what the head sees of a region
LEAST, MOST = 0.05, 100  # the score of a detection, and how many a picture has
NORM_GROUPS = 32  # of channels, in the heads of RetinaNet and FCOS

Numbers = tuple[float, ...]


class Body(nn.Module):
    """One map of a copy of a method's backbone.

    The method's own backbone stays as it is, because others score it as well. Modules that stand for others while a
    method trains, such as MoCo's split norms, are replaced by those.
    """

    def __init__(self, method: Method, config: TransferConfig) -> None:
        super().__init__()
        self.network = unwrapped(copy.deepcopy(method.backbone))
        self.place, self.stride = chosen(self.network, config.stride)
        self.frozen = config.freeze == "backbone"
        self.norms_stand = self.frozen or config.norm == "frozen"
        for weight in self.network.parameters():
            weight.requires_grad_(not self.frozen)
        if self.norms_stand:
            for norm in self.norms():
                norm.requires_grad_(False)
        self.out_channels = 0  # torchvision's name; known once a picture was seen

    def forward(self, images: Tensor) -> Tensor:
        maps: list[Tensor] = self.network.maps(images)  # type: ignore[operator]
        return maps[self.place].contiguous()

    def train(self, mode: bool = True) -> Body:
        """What is frozen stays in eval mode."""
        super().train(mode and not self.frozen)
        if self.norms_stand:
            for norm in self.norms():
                norm.eval()
        return self

    def norms(self) -> Iterable[_BatchNorm]:
        return (module for module in self.network.modules() if isinstance(module, _BatchNorm))

    @torch.no_grad()
    def measure(self, batches: Iterable[Tensor]) -> None:
        """Norms that will stand get the statistics of these pictures, whatever they had before. Those of a random
        network have seen nothing, and those of a trained one other pictures: this treats them alike."""
        norms = [norm for norm in self.norms() if norm.track_running_stats]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over batches
            norm.train()
        for images in batches:
            self.network.maps(images)  # type: ignore[operator]
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def chosen(backbone: nn.Module, stride: int) -> tuple[int, int]:
    """Which of a backbone's maps is the coarsest whose stride is at most `stride`, and its stride.

    Raises UsageError if it has none.
    """
    strides: tuple[int, ...] = getattr(backbone, "strides", ())
    if not hasattr(backbone, "maps") or not strides:
        raise UsageError(
            "the backbone has no `maps`, which object detection needs: conv4, resnet18, resnet50 and timm have them."
        )
    fitting = [number for number, each in enumerate(strides) if each <= stride]
    if not fitting:
        raise UsageError(f"the finest map of the backbone has stride {strides[0]}: set 'stride' to that at least.")
    return fitting[-1], strides[fitting[-1]]


class AsTheyAre(nn.Module):
    """In place of torchvision's transform, which normalises again and resizes: pictures are inputs already."""

    def forward(self, images: Tensor, targets: Any = None) -> tuple[ImageList, Any]:
        return ImageList(images, [tuple(images.shape[2:])] * len(images)), targets

    def postprocess(self, found: Any, *_: Any) -> Any:
        """Boxes are in pixels of the pictures already."""
        return found


class Anchors(AnchorGenerator):
    """torchvision's anchors, but around the middle of each place of the map instead of its upper left corner: they lie
    as far from each border of the picture."""

    def grid_anchors(self, grid_sizes: list[list[int]], strides: list[list[Tensor]]) -> list[Tensor]:
        corners = super().grid_anchors(grid_sizes, strides)
        middles = [torch.stack([across, down]).repeat(2) / 2 for down, across in strides]
        return [boxes + middle for boxes, middle in zip(corners, middles, strict=True)]


class Regions(nn.Module):
    """The map in each region, (regions, channels, REGION, REGION), as detectron2's ROIAlignV2 reads it.

    torchvision's pooler takes the middle of a place for its corner. What the head sees is then half a stride to the
    right of the region and below: 4 pixels at stride 8.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, maps: Mapping[str, Tensor], regions: list[Tensor], _: object) -> Tensor:
        [the_map] = maps.values()
        return roi_align(the_map, regions, REGION, 1 / self.stride, sampling_ratio=2, aligned=True)


class FasterRcnn(GeneralizedRCNN):
    """Faster R-CNN (Ren et al. 2015) on one map, with torchvision's settings but for the options of `config`.

    `sides`, `ratios`: of its anchors, in pixels and height by width.
    """

    title = "Faster R-CNN"
    first_label = 1  # 0 is background

    def __init__(self, body: Body, sides: Numbers, ratios: Numbers, classes: int, config: DetectionConfig) -> None:
        kept = {"training": config.proposals, "testing": config.proposals}
        proposals = RegionProposalNetwork(
            Anchors((sides,), (ratios,)),
            RPNHead(body.out_channels, len(sides) * len(ratios)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 10 * config.proposals, "testing": 10 * config.proposals},
            post_nms_top_n=kept,
            nms_thresh=0.7,
        )
        heads = RoIHeads(
            Regions(body.stride),
            TwoMLPHead(body.out_channels * REGION**2, config.width),
            FastRCNNPredictor(config.width, classes + 1),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=config.sampled,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=LEAST,
            nms_thresh=0.5,
            detections_per_img=MOST,
        )
        super().__init__(body, proposals, heads, AsTheyAre())


class Retina(RetinaNet):
    """RetinaNet (Lin et al. 2017) on one map: anchors as Faster R-CNN's, each of which is classified at once.

    Its head has group norms, as torchvision's second version of it: without them, hundreds of steps teach it nothing.
    Raises UsageError if the head cannot normalise so many channels.
    """

    title = "RetinaNet"
    first_label = 0

    def __init__(self, body: Body, sides: Numbers, ratios: Numbers, classes: int, _: DetectionConfig) -> None:
        require_groups(body, "retinanet")
        anchors = Anchors((sides,), (ratios,))
        head = RetinaNetHead(
            body.out_channels, len(sides) * len(ratios), classes, norm_layer=partial(nn.GroupNorm, NORM_GROUPS)
        )
        super().__init__(
            body, classes, anchor_generator=anchors, head=head, score_thresh=LEAST, detections_per_img=MOST
        )
        self.transform = AsTheyAre()


class Fcos(FCOS):
    """FCOS (Tian et al. 2019) on one map: without anchors, each of its places may find one object.

    Raises UsageError if its head cannot normalise so many channels.
    """

    title = "FCOS"
    first_label = 0

    def __init__(self, body: Body, _sides: Numbers, _ratios: Numbers, classes: int, _: DetectionConfig) -> None:
        require_groups(body, "fcos")
        places = Anchors(((float(body.stride),),), ((1.0,),))
        super().__init__(body, classes, anchor_generator=places, score_thresh=LEAST, detections_per_img=MOST)
        self.transform = AsTheyAre()


def require_groups(body: Body, name: str) -> None:
    """Raises UsageError for a map that group norms of torchvision's heads do not take."""
    if body.out_channels % NORM_GROUPS:
        raise UsageError(
            f"{name} normalises the channels of a map in {NORM_GROUPS} groups, and this map has {body.out_channels}: "
            "use 'detector: fasterrcnn'."
        )


DETECTORS: dict[str, type[FasterRcnn | Retina | Fcos]] = {"fasterrcnn": FasterRcnn, "fcos": Fcos, "retinanet": Retina}
