"""MAML: model-agnostic meta-learning, through learn2learn."""

from __future__ import annotations

from typing import ClassVar, Literal

import learn2learn
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch
from harness_maml import MAMLConfig
from harness_maml.learner import MetaLearner
from harness_maml.norm import require_plain_norms, use_task_statistics


class MAML(MetaLearner):
    """An initialisation from which a few gradient steps solve a new task (Finn et al. 2017, algorithm 2)."""

    name = "maml"
    config: MAMLConfig
    adapts_on: ClassVar[Literal["features", "images"]] = "images"

    def __init__(self, backbone: nn.Module, config: MAMLConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        require_plain_norms(backbone)
        self.transductive = config.batch_norm == "transductive"

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean over the tasks of the queries' cross-entropy after adaptation, and their accuracy."""
        self.track(batch.support.flatten(0, 1))
        losses, accuracies = [], []
        for support, labels, query, targets in zip(*batch, strict=True):
            learner = Learner(self, support, labels, self.config.ways, self.config.first_order)
            learner.adapt(self.config.inner_steps)
            logits = learner.classify(query)
            losses.append(F.cross_entropy(logits, targets))
            accuracies.append((logits.argmax(1) == targets).float().mean())
        return {"loss": torch.stack(losses).mean(), "accuracy": torch.stack(accuracies).mean()}

    @torch.no_grad()
    def track(self, images: Tensor) -> None:
        """Running statistics of the initialisation, which `encode` needs: tasks use and leave none."""
        self.backbone(channels_last(images))

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, C, H, W): each episode takes `test_steps` gradient steps from the initialisation."""
        with torch.enable_grad():
            learners = [Learner(self, *task, ways, True) for task in zip(support, labels, strict=True)]
            for learner in learners:
                learner.adapt(self.config.test_steps)

        @torch.no_grad()
        def classify(query: Tensor) -> Tensor:
            return torch.stack([learner.classify(images) for learner, images in zip(learners, query, strict=True)])

        return classify


class Learner:
    """A clone of the initialisation that learns one task, `support` (S, C, H, W) with `labels` (S,)."""

    def __init__(self, method: MAML, support: Tensor, labels: Tensor, ways: int, first_order: bool) -> None:
        network = nn.Sequential(method.backbone, method.head)
        maml = learn2learn.algorithms.MAML(network, method.config.inner_lr, first_order=first_order)
        self.clone = maml.clone()
        self.transductive = method.transductive
        use_task_statistics(self.clone, None if self.transductive else len(support))
        self.support, self.labels, self.ways = channels_last(support), labels, ways

    def adapt(self, steps: int) -> None:
        for _ in range(steps):
            self.clone.adapt(F.cross_entropy(self.clone(self.support)[:, : self.ways], self.labels))

    def classify(self, query: Tensor) -> Tensor:
        """Logits (Q, ways). Inductive: the queries follow the support set, whose statistics normalise both."""
        query = channels_last(query)
        if self.transductive:
            return self.clone(query)[:, : self.ways]
        return self.clone(torch.cat([self.support, query]))[len(self.support) :, : self.ways]


def channels_last(images: Tensor) -> Tensor:
    """Convolutions on a CPU are half as fast again; after an inner step, weights no longer choose the layout."""
    return images.to(memory_format=torch.channels_last)
