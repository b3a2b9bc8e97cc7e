"""Multi-task learning: one encoder, a classifier for each task."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Classifier, Data, Labelled, LabelledBatch, Method, Split, UsageError
from harness_domains import MTLConfig


class MTL(Method):
    """Trains all tasks jointly: a shared encoder, and for each task a linear classifier of its classes alone (Wang et
    al. 2021, arXiv:2106.09017). A new task is learned by a linear classifier in closed form on the frozen features."""

    distributed: ClassVar[bool] = True
    config: MTLConfig
    task: Tensor
    weight: Tensor

    def __init__(self, backbone: nn.Module, config: MTLConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Labelled(config.augment)
        self.classifier = nn.Linear(cast(Backbone, backbone).feature_dim, len(data.train.classes))
        task = tasks_of_classes(data.train, config.within)
        samples = task[data.train.labels.cpu()].bincount()
        self.register_buffer("task", task, persistent=False)
        self.register_buffer("weight", samples.sum() / (len(samples) * samples), persistent=False)

    def loss(self, batch: LabelledBatch) -> dict[str, Tensor]:
        """Cross-entropy among the classes of a sample's own task; each task counts as much, however many samples it
        has. The accuracy is likewise among the classes of the task."""
        logits = self.classifier(self.backbone(batch.inputs)).float()
        own = self.task[batch.labels]
        logits = logits.masked_fill(self.task != own[:, None], float("-inf"))
        losses = F.cross_entropy(logits, batch.labels, reduction="none")
        accuracy = (logits.argmax(1) == batch.labels).float().mean()
        return {"loss": (self.weight[own] * losses).mean(), "accuracy": accuracy}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): features, whose length is made 1."""
        if self.config.adaptation == "centroids":
            return super().adapt(support, labels, ways)
        weights = ridge(unit(support), F.one_hot(labels, ways).to(support), self.config.ridge)
        return lambda query: unit(query) @ weights


def tasks_of_classes(split: Split, within: str | None) -> Tensor:
    """The task of each class, int64 (classes,), from 0 and without gaps. Raises UsageError."""
    if within is None:
        return torch.zeros(len(split.classes), dtype=torch.int64)
    task = torch.full((len(split.classes),), -1)
    for number, (name, classes) in enumerate(split.groups(within).items()):
        own = split.labels.cpu()[torch.cat(list(classes))].unique()
        if (shared := own[task[own] >= 0]).numel():
            raise UsageError(f"the class '{split.classes[shared[0]]}' is of the {within} '{name}' and of another one.")
        task[own] = number
    return task.clamp_min(0)  # a class without samples is never asked for


def unit(features: Tensor) -> Tensor:
    """Features (..., D) of length 1, and a 1 for the bias: (..., D + 1)."""
    return F.pad(F.normalize(features, dim=-1), (0, 1), value=1.0)


def ridge(inputs: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """Weights (E, D, W) that minimise |inputs @ weights - targets|^2 + penalty |weights|^2, for inputs (E, S, D) and
    targets (E, S, W). By the S x S system, which is smaller than D x D (Bertinetto et al. 2019, eq. 6)."""
    gram = inputs @ inputs.mT
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return inputs.mT @ torch.linalg.solve(gram + penalty * eye, targets)
