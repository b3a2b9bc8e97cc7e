"""The common base of MAML's variants that transform the gradient of the inner loop, through learn2learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from harness_maml.adaptation import adapted
from harness_maml.clones import learned_by
from harness_maml.learner import MetaLearner
from harness_maml.norm import channels_last, require_plain_norms
from harness_maml.tasks import mean_loss
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch
from harness_fewshot import GradientConfig


class GradientLearner(MetaLearner, ABC):
    """MAML with clones of another kind; a subclass implements `cloning`, and the same step for `adapt`."""

    config: GradientConfig
    adapts_on: ClassVar[Literal["features", "inputs"]] = "inputs"

    def __init__(self, backbone: nn.Module, config: GradientConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        require_plain_norms(backbone)
        self.transductive = config.batch_norm == "transductive"

    @abstractmethod
    def cloning(self) -> Callable[[], Any]:
        """What makes a clone of the network for each task, which learn2learn lets `adapt` to a loss."""

    @abstractmethod
    def step(self, loss: Tensor, weights: list[nn.Parameter]) -> None:
        """What `adapt` of such a clone does, in place and under no_grad."""

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean over the tasks of the queries' cross-entropy after adaptation, and their accuracy."""
        with torch.no_grad():  # running statistics of the initialisation, which `encode` needs
            self.backbone(channels_last(batch.support.flatten(0, 1)))
        config = self.config
        task = learned_by(self.cloning(), config.ways, config.inner_steps, transductive=self.transductive)
        return mean_loss(task, list(self.parameters()), batch, self.network)

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, ...): each episode takes `test_steps` steps from the initialisation."""
        steps = self.config.test_steps
        return adapted(self.network, self.step, steps, ways, support, labels, transductive=self.transductive)

    @property
    def network(self) -> nn.Module:
        return nn.Sequential(self.backbone, self.head)
