"""Learning from a stream: a classifier that is updated sample by sample, and the default one, running class means."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Online(Protocol):
    """A classifier that learns from E streams side by side, as `Method.online` returns it. Streams do not influence
    each other."""

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Learn the next samples of each stream, one after another.

        Args:
            features: Features (E, S, D). E is the same in all calls.
            labels: Their classes, int64 (E, S) in 0 .. ways - 1.
        """

    def predict(self, features: Tensor) -> Tensor:
        """Classify queries with what was learned so far.

        Args:
            features: Features (E, Q, D), of each stream's own queries.

        Returns:
            Logits (E, Q, ways).
        """


class RunningMeans:
    """The class whose mean feature is nearest by cosine; features have length 1 before they are averaged.

    The means do not depend on the order of the samples. After samples of all classes, the predictions are those of
    `Method.adapt` with these samples as support set. A class without samples has the logit -1, the least there is.

    Args:
        ways: Number of classes.
    """

    def __init__(self, ways: int) -> None:
        self.ways = ways
        self.sums: Tensor | None = None  # (E, ways, D)

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Learn the next samples of each stream.

        Args:
            features: Features (E, S, D).
            labels: Their classes, int64 (E, S) in 0 .. ways - 1.
        """
        members = F.one_hot(labels, self.ways).to(features.dtype)
        added = members.mT @ F.normalize(features, dim=-1)
        self.sums = added if self.sums is None else self.sums + added

    def predict(self, features: Tensor) -> Tensor:
        """Classify queries.

        Args:
            features: Features (E, Q, D).

        Returns:
            Cosines with the class means, (E, Q, ways).

        Raises:
            RuntimeError: There was no sample yet.
        """
        if self.sums is None:
            raise RuntimeError("no sample was learned yet: call `update` first")
        cosines = F.normalize(features, dim=-1) @ F.normalize(self.sums, dim=-1).mT
        return torch.where((self.sums != 0).any(-1)[:, None], cosines, -1.0)
