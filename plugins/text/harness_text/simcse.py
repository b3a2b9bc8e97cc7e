"""SimCSE: sentences by contrast, without labels and with pairs."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from torch import Tensor, nn

from harness import Backbone, Data, Method, Text, TextView, UsageError, Views, gather
from harness_text import losses
from harness_text.configs import SimCSEConfig, SupervisedConfig
from harness_text.pairs import PairBatch, Pairs


class Contrasting(Method):
    """A layer above the backbone, as BERT's pooler, which is for training only: `encode` gives the backbone's features
    (Gao et al. 2021, arXiv:2104.08821)."""

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Any, data: Data) -> None:
        super().__init__(backbone, config, data)
        width = cast(Backbone, backbone).feature_dim
        self.head = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def projected(self, sentences: Tensor) -> Tensor:
        """(K, N, ...), on several devices the own part of N -> (K, N, D) of all N, in the order of the batch. All pass
        as one batch."""
        return gather(self.head(self.backbone(sentences.flatten(0, 1))).unflatten(0, sentences.shape[:2]), 1)


class SimCSE(Contrasting):
    """Find each sentence's other view, which differs by dropout, among those of the batch."""

    config: SimCSEConfig

    def __init__(self, backbone: nn.Module, config: SimCSEConfig, data: Data) -> None:
        if not isinstance(data.modality, Text):
            raise UsageError(f"simcse is for texts, and these are {data.modality.name}.")
        super().__init__(backbone, config, data)
        self.batches = Views(2, TextView(view=config.view, rate=config.rate))

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, L)."""
        first, second = self.projected(views)
        return losses.simcse(first, second, self.config.temperature)


class SupervisedSimCSE(Contrasting):
    """Find each sentence's pair among the second sentences and the hard negatives of the batch."""

    config: SupervisedConfig

    def __init__(self, backbone: nn.Module, config: SupervisedConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Pairs()

    def loss(self, batch: PairBatch) -> Tensor:
        config = self.config
        first, second, *negative = self.projected(batch.sentences)
        if not negative:
            return losses.simcse(first, second, config.temperature)
        known = gather(batch.known.byte()).bool()
        return losses.supervised(first, second, negative[0], known, config.temperature, config.negative_weight)
