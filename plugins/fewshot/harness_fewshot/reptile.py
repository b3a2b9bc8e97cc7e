"""Reptile: the initialisation moves towards the weights after each task's inner loop."""

from __future__ import annotations

import copy
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from harness_maml.learner import MetaLearner
from harness_maml.norm import channels_last, require_plain_norms, use_task_statistics
from harness_maml.tasks import Known
from torch import Tensor, nn

from harness import Classifier, Data, EpisodeBatch
from harness_fewshot import ReptileConfig


class Reptile(MetaLearner):
    """Each step moves the weights by the mean over tasks of what an inner loop did to them (Nichol et al. 2018,
    arXiv:1803.02999, algorithm 2), which plain SGD does with a gradient of minus that. Its rate is epsilon."""

    name = "reptile"
    config: ReptileConfig
    adapts_on: ClassVar[Literal["features", "inputs"]] = "inputs"

    def __init__(self, backbone: nn.Module, config: ReptileConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        require_plain_norms(backbone)

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """The queries' cross-entropy after the inner loop, for the log; its gradient is the step of algorithm 2."""
        with torch.no_grad():  # running statistics of the initialisation, which `encode` needs
            self.backbone(channels_last(batch.support.flatten(0, 1)))
        weights, moves, losses, hits = list(self.parameters()), [], [], []
        for support, labels, query, targets in zip(*batch, strict=True):
            learner = Learner(self, support, labels, self.config.ways)
            learner.learn(minibatches(labels, self.config.inner_shots, self.config.inner_steps))
            moves.append([weight.detach() - new.detach() for weight, new in zip(weights, learner.weights, strict=True)])
            logits = learner.classify(query)
            losses.append(F.cross_entropy(logits, targets))
            hits.append((logits.argmax(1) == targets).float().mean())
        means = [torch.stack(each).mean(0) for each in zip(*moves, strict=True)]
        return {"loss": Known.apply(torch.stack(losses).mean(), means, *weights), "accuracy": torch.stack(hits).mean()}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, ...): each episode takes `test_steps` steps from the initialisation, on all its samples."""
        learners = [Learner(self, *task, ways) for task in zip(support, labels, strict=True)]
        for learner in learners:
            learner.learn([torch.arange(support.shape[1], device=support.device)] * self.config.test_steps)
        return lambda query: torch.stack([each.classify(own) for each, own in zip(learners, query, strict=True)])


class Learner:
    """A copy of the network that learns one task, `support` (S, ...) with `labels` (S,), in float32: under autocast,
    which keeps cast weights, it would not see that they change."""

    def __init__(self, method: Reptile, support: Tensor, labels: Tensor, ways: int) -> None:
        self.network = copy.deepcopy(nn.Sequential(method.backbone, method.head))
        use_task_statistics(self.network, len(support))
        self.support, self.labels, self.ways = channels_last(support), labels, ways
        self.descent = torch.optim.Adam(self.network.parameters(), method.config.inner_lr, betas=(0.0, 0.999))

    @property
    def weights(self) -> list[nn.Parameter]:
        return list(self.network.parameters())

    def learn(self, parts: list[Tensor]) -> None:
        """A step on each part of the support set, given as places in it."""
        with torch.enable_grad(), torch.autocast(self.support.device.type, enabled=False):
            for part in parts:
                loss = F.cross_entropy(self.network(self.support[part])[:, : self.ways], self.labels[part])
                self.descent.zero_grad()
                loss.backward()
                self.descent.step()

    @torch.no_grad()
    def classify(self, query: Tensor) -> Tensor:
        """Logits (Q, ways). The queries follow the support set, whose statistics normalise both."""
        with torch.autocast(query.device.type, enabled=False):
            logits: Tensor = self.network(torch.cat([self.support, channels_last(query)]))
        return logits[len(self.support) :, : self.ways]


def minibatches(labels: Tensor, shots: int, number: int) -> list[Tensor]:
    """The places of `number` minibatches, each with the next `shots` samples of every class, over and over; labels are
    int64 (S,), as many of each class. The samples of a task are in random order."""
    by_class = labels.argsort(stable=True).view(int(labels.max()) + 1, -1)
    each = by_class.shape[1]
    next_ones = torch.arange(number * shots, device=labels.device).remainder(each).split(shots)
    return [by_class[:, columns].flatten() for columns in next_ones]
