"""Fine-tuning of a detector, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from harness import Data, Images, ImageShape, Method, Split, UsageError
from harness_detection import DetectionConfig
from harness_detection.boxes import anchors, objects
from harness_detection.network import Body, faster_rcnn
from harness_detection.precision import Found, Truth

WARMUP = 0.1  # share of the steps in which the rate rises
MEASURED = 256  # pictures by which norms that stand are measured at most


def in_own_size(data: Data, split: Split) -> Images:
    """Pictures as the encoder takes them, normalised and of as many channels, but of their own size: boxes are in their
    pixels, and a map of them is as fine as they are."""
    modality = cast(Images, data.modality)
    channels, height, width = split.samples.shape[1:]  # type: ignore[union-attr]
    shape = ImageShape(modality.shape.channels, height, width)
    given = ImageShape(channels, height, width) if channels != shape.channels else None
    return replace(modality, shape=shape, given=given, resize=None)


def inputs(data: Data, split: Split, index: Tensor) -> Tensor:
    """The pictures at `index` (n,), which is on the CPU, as the detector takes them."""
    return in_own_size(data, split).inputs(split.samples[index])  # type: ignore[call-overload]


def build(method: Method, data: Data, config: DetectionConfig) -> nn.Module:
    """A detector that has learned nothing yet, on the data's device.

    Raises UsageError if the backbone has no maps, or takes no pictures of this size.
    """
    split = data.split(config.reference)
    body = Body(method, config).eval()
    some = inputs(data, split, torch.arange(1))
    try:
        with torch.no_grad():
            body.out_channels = body(some).shape[1]
    except (RuntimeError, AssertionError, ValueError) as error:
        size = "x".join(map(str, some.shape[2:]))
        raise UsageError(f"the backbone gives no maps of pictures of {size}: {str(error).splitlines()[0]}") from error
    detector = faster_rcnn(body, *anchors(split), len(split.classes), config)
    return detector.to(data.device)


def fit(detector: nn.Module, data: Data, config: DetectionConfig) -> None:
    """All weights that are not frozen learn. A step depends on its number and the seed alone.

    Raises FloatingPointError if the loss is not finite.
    """
    split, body = data.split(config.reference), cast(Body, detector.backbone)
    if body.norms_stand:
        body.measure(inputs(data, split, part) for part in torch.arange(len(split))[:MEASURED].split(32))
    detector.train()
    optimizer = _optimizer(detector, config)
    for step, index in enumerate(batches(len(split), config)):
        torch.manual_seed(config.seed * 1_000_003 + step)  # torchvision draws regions from the global generator
        for group in optimizer.param_groups:
            group["lr"] = config.lr * share_of_rate(step, config.steps)
        with torch.enable_grad():
            losses = detector(inputs(data, split, index), targets(split, index))
            loss = sum(losses.values(), torch.zeros((), device=data.device))
            if not loss.isfinite():
                raise FloatingPointError(f"the detector's loss is not finite at step {step}: its learning rate is high")
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()


def _optimizer(detector: nn.Module, config: DetectionConfig) -> torch.optim.Optimizer:
    weights = [weight for weight in detector.parameters() if weight.requires_grad]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(weights, config.lr, weight_decay=config.weight_decay)
    return torch.optim.SGD(weights, config.lr, momentum=0.9, weight_decay=config.weight_decay)


def share_of_rate(step: int, steps: int) -> float:
    """From nearly 0 to 1 in a straight line over a tenth of the steps, then to 0 along a cosine."""
    rising = math.ceil(WARMUP * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def batches(number: int, config: DetectionConfig) -> Iterator[Tensor]:
    """Indices of the pictures of each step: all of them in a new random order, again and again."""
    generator = torch.Generator().manual_seed(config.seed)
    size, needed = min(config.batch_size, number), config.steps
    epochs = math.ceil(needed / (number // size))
    for _ in range(epochs):
        for index in torch.randperm(number, generator=generator).split(size)[: min(number // size, needed)]:
            needed -= 1
            yield index


def targets(split: Split, index: Tensor) -> list[dict[str, Tensor]]:
    """As torchvision's Faster R-CNN takes them: labels from 1, as 0 is the background. What is ignored is no target."""
    learned = [objects(split, number) for number in index.tolist()]
    return [{"boxes": each.boxes[~each.ignored], "labels": each.labels[~each.ignored] + 1} for each in learned]


@torch.no_grad()
def find(detector: nn.Module, data: Data, split: Split) -> list[Found]:
    """What a detector finds in each picture of a split."""
    detector.eval()
    found: list[Found] = []
    for index in torch.arange(len(split)).split(32):
        for each in detector(inputs(data, split, index)):
            boxes, labels, scores = (each[name].cpu().numpy() for name in ("boxes", "labels", "scores"))
            found.append(Found(boxes.astype("float64"), labels.astype("int64") - 1, scores.astype("float64")))
    return found


def truth(split: Split) -> list[Truth]:
    """The objects of each picture of a split."""
    own = (objects(split, number) for number in range(len(split)))
    return [
        Truth(each.boxes.cpu().double().numpy(), each.labels.cpu().numpy(), each.ignored.cpu().numpy()) for each in own
    ]
