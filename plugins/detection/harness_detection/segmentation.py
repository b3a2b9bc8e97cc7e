"""Semantic segmentation as transfer: a linear layer on an encoder's map classifies each pixel."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, Evaluator, Images, Method, Metric, Source, Trained, UsageError
from harness_detection import SegmentationConfig
from harness_detection.evaluator import GROUPS, devices_of
from harness_detection.fitting import CHUNK, body_of, in_own_size, inputs, learn
from harness_detection.network import Body

IGNORED = 255  # of a mask: pixels that are neither learned nor scored


class Segmenter(Method):
    """Logits of the background and of each class, on the map and then, bilinearly, at each pixel."""

    def __init__(self, body: Body, config: SegmentationConfig, data: Data) -> None:
        super().__init__(body, config, data)
        self.batches = Masked()
        self.head = nn.Conv2d(body.out_channels, 1 + len(data.split(config.reference).classes), 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return F.interpolate(self.head(self.backbone(pictures)), pictures.shape[2:], mode="bilinear")

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The mean cross-entropy over pixels."""
        pictures, masks = batch
        return F.cross_entropy(self(pictures), masks.long(), ignore_index=IGNORED)


class Masked:
    """Batches of pictures with their masks: each picture once in an epoch."""

    def check(self, source: Source) -> None:
        """Any split with masks will do."""

    def draw(self, source: Source, step: int) -> tuple[Tensor, Tensor]:
        split = source.data.train
        masks = split.column("mask")[source.indices(step)]
        return in_own_size(source.data, split).inputs(source.samples(step)), masks

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def samples_per_step(self, source: Source) -> int:
        return source.batch_size


class Segmentation(Evaluator):
    """`miou`: the mean over classes, the background among them, of the intersection over union of pixels."""

    config: SegmentationConfig
    fits_samples: ClassVar[bool] = False  # pictures keep their size, as masks do

    def check(self, method: Method, data: Data) -> None:
        config = self.config
        if not isinstance(data.modality, Images):
            raise UsageError(f"segmentation is of images, and these are {data.modality.name}.")
        for name in (config.reference, config.test):
            split = data.split(name)
            if "mask" not in split.columns:
                raise UsageError(f"the split '{name}' has no column 'mask', which segmentation needs.")
            if split.column("mask").shape[1:] != split.samples.shape[2:]:  # type: ignore[union-attr]
                raise UsageError(f"the masks of '{name}' are not as large as its pictures.")
        if data.split(config.reference).classes != data.split(config.test).classes:
            raise UsageError(f"'{config.reference}' and '{config.test}' do not hold the same classes.")
        body_of(method, data, config)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        config, data = self.config, trained.data
        with torch.random.fork_rng(devices_of(data)):
            torch.manual_seed(config.seed)
            body = body_of(trained.method, data, config)
            segmenter = Segmenter(body, config, data).to(data.device)
        learn(trained, body, segmenter, config)
        counts = confusion(segmenter, data, config.test)
        learning = "frozen backbone" if body.frozen else "fine-tuned"
        return {"miou": score(counts, f"linear on stride {body.stride}, {learning}, {config.steps} steps")}


@torch.no_grad()
def confusion(segmenter: Segmenter, data: Data, name: str) -> Tensor:
    """How many pixels of each class (rows) were called what (columns), of each picture: int64 (N, C, C) on the CPU."""
    segmenter.eval()
    split, classes = data.split(name), segmenter.head.out_channels
    counts = []
    for index in torch.arange(len(split)).split(CHUNK):
        called = segmenter(inputs(data, split, index)).argmax(1).flatten(1).cpu()
        masks = split.column("mask")[index.to(data.device)].flatten(1).long().cpu()
        for real, found in zip(masks, called, strict=True):
            kept = real != IGNORED
            cells = classes * real[kept] + found[kept]
            counts.append(torch.bincount(cells, minlength=classes**2).reshape(classes, classes))
    return torch.stack(counts)


def miou(counts: Tensor) -> float:
    """Of a table of pixels (C, C), over classes that there are or that were found."""
    right = counts.diagonal().double()
    union = counts.sum(0) + counts.sum(1) - right
    return float((right / union)[union > 0].mean())


def score(counts: Tensor, protocol: str) -> Metric:
    """With the jackknife's interval over groups of pictures."""
    groups = torch.arange(len(counts)) % min(GROUPS, len(counts))
    without = [miou(counts[groups != group].sum(0)) for group in range(int(groups.max()) + 1)]
    return Metric.jackknife(miou(counts.sum(0)), torch.tensor(without), "group", shown="percent", protocol=protocol)
