"""MAML: model-agnostic meta-learning, through learn2learn or by torch.func."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import learn2learn
import torch
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch
from harness_maml import MAMLConfig, functional
from harness_maml.adaptation import adapted, descent
from harness_maml.clones import learned_by
from harness_maml.learner import MetaLearner
from harness_maml.norm import channels_last, require_plain_norms
from harness_maml.tasks import mean_loss


class MAML(MetaLearner):
    """An initialisation from which a few gradient steps solve a new task (Finn et al. 2017, algorithm 2)."""

    name = "maml"
    config: MAMLConfig
    adapts_on: ClassVar[Literal["features", "inputs"]] = "inputs"

    def __init__(self, backbone: nn.Module, config: MAMLConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        require_plain_norms(backbone)
        if config.engine == "vmap" and isinstance(data.train.samples, Tensor):
            functional.require_vmap(backbone, data.inputs(data.train.samples[:2]).cpu())
        self.transductive = config.batch_norm == "transductive"
        self.inner_loop = lru_cache(maxsize=4)(self._inner_loop)

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean over the tasks of the queries' cross-entropy after adaptation, and their accuracy."""
        config, steps = self.config, self.config.inner_steps
        self.track(batch.support.flatten(0, 1))
        if config.engine == "learn2learn":
            algorithm = learn2learn.algorithms.MAML(self.network, config.inner_lr, first_order=config.first_order)
            task = learned_by(algorithm.clone, config.ways, steps, transductive=self.transductive)
            return mean_loss(task, list(self.weights.values()), batch, self.network)
        inner = self.inner_loop(config.ways, batch.support.shape[1], self.training)
        meta_loss = functional.meta_loss_at_once if config.engine == "vmap" else functional.meta_loss
        return meta_loss(inner, self.weights, batch, steps, config.first_order)

    @torch.no_grad()
    def track(self, images: Tensor) -> None:
        """Running statistics of the initialisation, which `encode` needs: tasks use and leave none."""
        self.backbone(channels_last(images))

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, C, H, W): each episode takes `test_steps` gradient steps from the initialisation."""
        config, steps = self.config, self.config.test_steps
        if config.engine == "vmap":
            inner = self.inner_loop(ways, support.shape[1], self.training)
            return functional.adapted(inner, self.weights, support, labels, steps)
        step = descent(config.inner_lr)
        return adapted(self.network, step, steps, ways, support, labels, transductive=self.transductive)

    @property
    def network(self) -> nn.Module:
        return nn.Sequential(self.backbone, self.head)

    @property
    def weights(self) -> functional.Weights:
        return dict(self.network.named_parameters())

    def _inner_loop(self, ways: int, support_size: int, training: bool) -> functional.InnerLoop:
        size = None if self.transductive else support_size
        return functional.InnerLoop(self.network.train(training), self.config.inner_lr, ways, size)
