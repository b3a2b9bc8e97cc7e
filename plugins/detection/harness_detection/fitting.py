"""Fine-tunes a detector, and collects its detections on the test split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from harness import Data, Images, ImageShape, Method, Source, Split, Streamed, Trained, UsageError, fine_tune
from harness_detection import DetectionConfig, TransferConfig
from harness_detection.boxes import anchors, objects
from harness_detection.network import DETECTORS, Body
from harness_detection.precision import Found, Truth

CHUNK = 32  # pictures that are seen at a time where nothing is learned
MEASURED = 256  # pictures by which norms that stand are measured at most
PARTS = 4  # of a fine-tuning, after each of which the detector is scored


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


def body_of(method: Method, data: Data, config: TransferConfig) -> Body:
    """A copy of the backbone, which knows how wide its map is.

    Raises UsageError if the backbone has no maps, or takes no pictures of this size.
    """
    body = Body(method, config).eval()
    some = inputs(data, data.split(config.reference), torch.arange(1))
    try:
        with torch.no_grad():
            body.out_channels = body(some).shape[1]
    except (RuntimeError, AssertionError, ValueError) as error:
        size = "x".join(map(str, some.shape[2:]))
        raise UsageError(f"the backbone gives no maps of pictures of {size}: {str(error).splitlines()[0]}") from error
    return body


def build(method: Method, data: Data, config: DetectionConfig) -> nn.Module:
    """A detector that has learned nothing yet, on the data's device. Raises UsageError as `body_of` does."""
    split = data.split(config.reference)
    body = body_of(method, data, config)
    network = DETECTORS[config.detector](body, *anchors(split), len(split.classes), config)
    return network.to(data.device)


def learn(trained: Trained, body: Body, learner: Method, config: TransferConfig) -> None:
    """All weights of `learner` that are not frozen learn, and go on learning where a job was stopped.

    Raises FloatingPointError if the loss is not finite.
    """
    data, split = trained.data, trained.data.split(config.reference)
    if body.norms_stand:
        body.measure(inputs(data, split, part) for part in torch.arange(len(split))[:MEASURED].split(CHUNK))
    learned = replace(data, splits={"train": split})
    fine_tune(trained, learner, learned, config.budget(min(config.batch_size, len(split))), config.seed)


class Detector(Method):
    """A detector as the training loop takes it.

    `score` is called at each of `places`, the numbers of steps, without the last; `along` keeps what it gave. A buffer,
    so that a resumed fine-tuning has the scores from before.
    """

    along: Tensor

    def __init__(self, network: nn.Module, config: DetectionConfig, data: Data, score: Callable[[], float]) -> None:
        super().__init__(network, config, data)
        self.batches = Pictures(config)
        self.score = score
        self.places = sorted({config.steps * part // PARTS for part in range(1, PARTS)} - {0})
        self.register_buffer("along", torch.zeros(len(self.places), dtype=torch.float64))

    def loss(self, batch: tuple[Tensor, list[dict[str, Tensor]]]) -> dict[str, Tensor]:
        """The sum of torchvision's: with Faster R-CNN, of proposals and of the head, for classes and for boxes."""
        losses: dict[str, Tensor] = self.backbone(*batch)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def after_step(self, step: int, steps: int) -> None:  # noqa: ARG002 (the contract's)
        if step + 1 in self.places:
            self.along[self.places.index(step + 1)] = self.score()
            self.train()


class Pictures:
    """Batches of pictures with their objects: each picture once in an epoch."""

    def __init__(self, config: DetectionConfig) -> None:
        self.config = config
        self.first_label = DETECTORS[config.detector].first_label

    def check(self, source: Source) -> None:
        """Any split with boxes will do."""

    def draw(self, source: Source, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        index, split = source.indices(step, torch.device("cpu")), source.data.train
        pictures = in_own_size(source.data, split).inputs(source.samples(step))
        chance = torch.rand(len(index), generator=source.generator("flip", step, torch.device("cpu")))
        return mirrored(
            pictures, targets(split, index, self.first_label, self.config.learn_ignored), chance < self.config.flip
        )

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size


def fit(
    trained: Trained, detector: nn.Module, config: DetectionConfig, score: Callable[[], float] = lambda: 0.0
) -> dict[int, float]:
    """Train a detector. Returns what `score` gave on the way, by the number of steps.

    Raises FloatingPointError if the loss is not finite.
    """
    learner = Detector(detector, config, trained.data, score)
    learn(trained, cast(Body, detector.backbone), learner, config)
    return dict(zip(learner.places, learner.along.tolist(), strict=True))


def targets(split: Split, index: Tensor, first_label: int, ignored: bool = False) -> list[dict[str, Tensor]]:
    """As torchvision's detectors take them: labels from 1 for Faster R-CNN, as 0 is the background, and from 0 for the
    others. What a split says to ignore is no target, unless `ignored`."""
    made = []
    for number in index.tolist():
        each = objects(split, number)
        kept = ~each.ignored | ignored
        made.append({"boxes": each.boxes[kept], "labels": each.labels[kept] + first_label})
    return made


def mirrored(
    pictures: Tensor, objects: list[dict[str, Tensor]], chosen: Tensor
) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """The `chosen` pictures (N,) of (N, C, H, W) with left and right exchanged, and their boxes."""
    places, width = chosen.nonzero()[:, 0].tolist(), pictures.shape[3]
    for place in places:
        pictures[place] = pictures[place].flip(2)
        left, upper, right, lower = objects[place]["boxes"].unbind(1)
        objects[place]["boxes"] = torch.stack([width - right, upper, width - left, lower], 1)
    return pictures, objects


@torch.no_grad()
def find(detector: nn.Module, data: Data, split: Split) -> list[Found]:
    """What a detector finds in each picture of a split."""
    detector.eval()
    first_label = cast(int, detector.first_label)
    found: list[Found] = []
    parts = torch.arange(len(split)).split(CHUNK)
    for place, index in enumerate(parts):
        if isinstance(split.samples, Streamed):
            for later in parts[place : place + 3]:
                split.samples.prefetch(later)
        for each in detector(inputs(data, split, index)):
            boxes, labels, scores = (each[name].cpu().numpy() for name in ("boxes", "labels", "scores"))
            found.append(Found(boxes.astype("float64"), labels.astype("int64") - first_label, scores.astype("float64")))
    return found


def truth(split: Split) -> list[Truth]:
    """The objects of each picture of a split."""
    own = (objects(split, number) for number in range(len(split)))
    return [
        Truth(each.boxes.cpu().double().numpy(), each.labels.cpu().numpy(), each.ignored.cpu().numpy()) for each in own
    ]
