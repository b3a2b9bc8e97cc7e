"""OML: features that are meta-learned for learning from a stream without interference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness import Backbone, Data, Episodes, Labelled, Method, Source
from harness_continual import OMLConfig

Head = tuple[Tensor, Tensor]  # weight (E, ways, D) and bias (E, ways) of E streams


class TrajectoryBatch(NamedTuple):
    """The samples of a stream in their order (S, ...) with their classes (S,), and random ones of all classes."""

    stream: Tensor
    stream_labels: Tensor
    random: Tensor
    random_labels: Tensor


@dataclass(frozen=True)
class Trajectories(Episodes):
    """A stream of `ways` training classes, class by class, and as many random samples as the budget's batch has."""

    queries: int = 0

    def check(self, source: Source) -> None:
        Labelled().check(source)
        super().check(source)

    def samples_per_step(self, source: Source) -> int:
        return super().samples_per_step(source) + source.batch_size

    def steps_per_epoch(self, source: Source) -> int:
        return source.steps_per_epoch

    def draw(self, source: Source, step: int) -> TrajectoryBatch:  # type: ignore[override]  # batches of its own
        data, labels = source.data, source.data.train.labels
        members = self.indices(source, step).support[0].to(source.device)
        stream, random = super().draw(source, step).support[0], data.inputs(source.samples(step))
        return TrajectoryBatch(stream, labels[members], random, labels[source.indices(step)])


class OML(Method):
    """The backbone is trained so that a linear head, which learns a stream sample by sample, is right about it and
    about all other classes afterwards (Javed and White 2019, arXiv:1905.12588, algorithm 2)."""

    compiles: ClassVar[bool] = False  # batch norms change their mode within the loss
    config: OMLConfig

    def __init__(self, backbone: nn.Module, config: OMLConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.head = nn.Linear(cast(Backbone, backbone).feature_dim, len(data.train.classes))
        self.batches = Trajectories(config.classes, config.shots)
        self.notes = ("it learned from the labels of the training split",)

    def loss(self, batch: TrajectoryBatch) -> dict[str, Tensor]:
        """Cross-entropy of the stream and of the random samples after the stream was learned, and the accuracy."""
        self.track(batch.random)
        labels, targets = batch.stream_labels, torch.cat([batch.stream_labels, batch.random_labels])
        features = self.backbone(
            torch.cat([batch.stream, batch.random])
        ).float()  # once: a stream changes the head alone
        new = labels.unique()
        head = self.head.weight.index_fill(0, new, 0)[None], self.head.bias.index_fill(0, new, 0)[None]
        head = learn(head, features[None, : len(labels)], labels[None], self.config.inner_lr)
        logits = predict(head, features[None])[0]
        return {"loss": F.cross_entropy(logits, targets), "accuracy": (logits.argmax(1) == targets).float().mean()}

    def train(self, mode: bool = True) -> OML:
        """Batch norms stay in eval mode: over a stream, the statistics of a batch would tell of later samples."""
        super().train(mode)
        for norm in self.norms():
            norm.eval()
        return self

    def norms(self) -> list[nn.Module]:
        return [each for each in self.backbone.modules() if isinstance(each, _BatchNorm)]

    @torch.no_grad()
    def track(self, inputs: Tensor) -> None:
        """Running statistics of random samples, by which all samples are normalised."""
        for norm in self.norms():
            norm.train()
        if self.norms():
            self.backbone(inputs)
        self.train(self.training)

    def online(self, ways: int) -> OnlineHead:
        return OnlineHead(ways, self.config.inner_lr)


class OnlineHead:
    """A linear head that learns as in training; all weights start at 0, as those of a stream's classes do there."""

    def __init__(self, ways: int, rate: float) -> None:
        self.ways, self.rate = ways, rate
        self.head: Head | None = None

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        if self.head is None:
            streams, _, width = features.shape
            self.head = features.new_zeros(streams, self.ways, width), features.new_zeros(streams, self.ways)
        self.head = learn(self.head, features, labels, self.rate)

    def predict(self, features: Tensor) -> Tensor:
        if self.head is None:
            raise RuntimeError("no sample was learned yet: call `update` first")
        return predict(self.head, features)


def learn(head: Head, features: Tensor, labels: Tensor, rate: float) -> Head:
    """A gradient step on the cross-entropy of each sample of the streams in turn, (E, S, D) with labels (E, S).

    The gradient is written out, so that what it depends on is in the graph of the result, to any order.
    """
    weight, bias = head
    for sample, label in zip(features.unbind(1), labels.unbind(1), strict=True):
        logits = predict((weight, bias), sample[:, None])[:, 0]
        slope = logits.softmax(1) - F.one_hot(label, logits.shape[1])  # of the cross-entropy, by the logits
        weight = weight - rate * slope[:, :, None] * sample[:, None]
        bias = bias - rate * slope
    return weight, bias


def predict(head: Head, features: Tensor) -> Tensor:
    """(E, N, D) -> (E, N, ways)."""
    weight, bias = head
    return features @ weight.mT + bias[:, None]
