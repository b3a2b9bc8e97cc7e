"""Published results of ResNet-50 on PASCAL VOC, with the 11-point metric of VOC 2007."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness import Published

_NOTE = (
    "there by detectron2's C4, whose head is the last stage of the ResNet with one more batch norm, on pictures of 480 "
    "to 800 pixels, with batch norms synchronised over 8 devices"
)
_PROTOCOL = {
    "evaluator.steps": 24000,
    "evaluator.batch_size": 16,
    "evaluator.optimizer": "sgd",
    "evaluator.lr": 0.02,
    "evaluator.norm": "train",
    "evaluator.learn_ignored": True,
}


def _voc(setting: Mapping[str, Any], source: str, **values: float) -> tuple[Published, ...]:
    shared = {"dataset": "voc", "evaluator.metric": "voc07", "evaluator.freeze": "none"}
    return tuple(
        Published({**shared, **setting}, value, source, protocol=_PROTOCOL, note=_NOTE, metric=metric)
        for metric, value in values.items()
    )


PUBLISHED = (
    *_voc(
        {"method": "untrained", "backbone": "resnet50"},
        "He et al. 2020, arXiv:1911.05722, table 2 (random initialisation)",
        ap50=0.602, ap=0.338, ap75=0.331,
    ),
    *_voc(
        {"method": "pretrained", "backbone": "timm", "backbone.model": "resnet50.tv_in1k"},
        "He et al. 2020, arXiv:1911.05722, table 2 (supervised on ImageNet)",
        ap50=0.813, ap=0.535, ap75=0.588,
    ),
)  # fmt: skip
