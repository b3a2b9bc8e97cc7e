"""Supervised training: the baseline for methods that do without labels."""

from __future__ import annotations

from typing import ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Labelled, LabelledBatch, Method
from harness_supervised import Config


class Supervised(Method):
    """A linear classifier of the training classes on the backbone, trained end to end with cross-entropy."""

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Labelled(config.augment)
        self.classifier: nn.Module = nn.Linear(cast(Backbone, backbone).feature_dim, len(data.train.classes))

    def loss(self, batch: LabelledBatch) -> dict[str, Tensor]:
        """Mean cross-entropy, and the share of the batch that was classified rightly."""
        logits = self.classifier(self.backbone(batch.inputs)).float()
        accuracy = (logits.argmax(1) == batch.labels).float().mean()
        return {"loss": F.cross_entropy(logits, batch.labels), "accuracy": accuracy}
