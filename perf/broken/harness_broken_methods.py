"""Each differs from the method that it breaks in one line."""

from __future__ import annotations

from harness_protonet.method import ProtoNet
from harness_supervised.method import Supervised
from torch import Tensor

from harness import LabelledBatch


class Shifted(Supervised):
    """Off by one: every image of a batch gets the label of the one before it."""

    def loss(self, batch: LabelledBatch) -> dict[str, Tensor]:
        return super().loss(batch._replace(labels=batch.labels.roll(1)))


class Unfrozen(ProtoNet):
    """Somebody forgot `eval()`: features depend on what else is in the batch."""

    def encode(self, images: Tensor) -> Tensor:
        self.backbone.train()
        return super().encode(images)
