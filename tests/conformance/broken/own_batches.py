"""A method with batches of its own kind, which conforms: triplets."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from harness import Method, UsageError


class Triplet(NamedTuple):
    """Images (N, C, H, W) of the same classes in `anchors` and `positives`, and of others in `negatives`."""

    anchors: torch.Tensor
    positives: torch.Tensor
    negatives: torch.Tensor


class Triplets:
    def check(self, source):
        if source.batch_size > len(source.data.train) or source.batch_size % source.ranks:
            raise UsageError(f"a batch of {source.batch_size} cannot be drawn.")

    def steps_per_epoch(self, source):
        return source.steps_per_epoch

    def samples_per_step(self, source):
        return 3 * source.batch_size

    def draw(self, source, step):
        train, anchors = source.data.train, source.indices(step)
        same = train.labels[anchors][:, None] == train.labels
        generator = source.generator("triplets", step, torch.device("cpu"))
        order = torch.rand(source.batch_size, len(train), generator=generator)[source.own(source.batch_size)]
        order = order.to(same.device)
        found = anchors, order.where(same, -1).argmax(1), order.where(~same, -1).argmax(1)
        return Triplet(*(source.data.inputs(train.samples[each]) for each in found))


class Triplewise(Method):
    """Pulls an image to another of its class and away from one of another class (Schroff et al. 2015)."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Triplets()

    def loss(self, batch):
        anchors, positives, negatives = (F.normalize(self.backbone(each), dim=1) for each in batch)
        return F.triplet_margin_loss(anchors, positives, negatives, margin=1.0)
