"""Linear softmax classifiers that learn by Adam: sample by sample, with a memory, or from all samples at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PASSES, BATCH = 30, 50  # of `Joint`


class Softmax:
    """Each sample makes one step of Adam, once. All weights start at 0.

    rate: one learning rate, or that of each stream (E,): the streams of all candidates learn side by side.
    """

    def __init__(self, ways: int, rate: float | Tensor, seed: int) -> None:
        self.ways, self.rate = ways, torch.as_tensor(rate)
        self.draw = torch.Generator().manual_seed(seed)
        self.moved: list[Tensor] = []  # (E, ways, D), (E, 1, ways): the weights divided by the learning rate

    @property
    def weights(self) -> list[Tensor]:
        if not self.moved:
            raise RuntimeError("no sample was learned yet: call `update` first")
        return [self.rate.to(each).view(-1, 1, 1) * each for each in self.moved]

    def step(self, features: Tensor, labels: Tensor, share: float = 1.0) -> None:
        """A step on the mean cross-entropy of some samples of each stream, (E, S, D) and (E, S), at a share of the
        rate."""
        if not self.moved:
            streams, _, width = features.shape
            self.moved = [features.new_zeros(streams, self.ways, width), features.new_zeros(streams, 1, self.ways)]
            self.optimizer = torch.optim.Adam(self.moved, lr=1.0)
        weight, bias = (each.requires_grad_() for each in self.weights)
        with torch.enable_grad():
            logits = (features @ weight.mT + bias).flatten(0, 1)
            # summed over streams: each has weights of its own
            loss = F.cross_entropy(logits, labels.flatten(), reduction="sum") / labels.shape[1]
            # the gradient by the weights: with it, a step of 1 is one of the rate on the weights
            self.moved[0].grad, self.moved[1].grad = torch.autograd.grad(loss, (weight, bias))
        self.optimizer.param_groups[0]["lr"] = share
        self.optimizer.step()

    def update(self, features: Tensor, labels: Tensor) -> None:
        for place in range(labels.shape[1]):
            self.step(features[:, place : place + 1], labels[:, place : place + 1])

    def predict(self, features: Tensor) -> Tensor:
        weight, bias = self.weights
        return features @ weight.mT + bias


class Replay(Softmax):
    """Each step is on a new sample and on `replayed` random ones of a memory, which is a uniform sample of all before
    (Chaudhry et al. 2019, arXiv:1902.10486, with reservoir sampling)."""

    def __init__(self, ways: int, rate: float | Tensor, seed: int, memory: int, replayed: int) -> None:
        super().__init__(ways, rate, seed)
        self.size, self.replayed = memory, replayed
        self.memory: tuple[Tensor, Tensor] | None = None  # (E, memory, D), (E, memory)
        self.count = 0

    def update(self, features: Tensor, labels: Tensor) -> None:
        if self.memory is None:
            streams, _, width = features.shape
            self.memory = features.new_zeros(streams, self.size, width), labels.new_zeros(streams, self.size)
        for place in range(labels.shape[1]):
            new = features[:, place : place + 1], labels[:, place : place + 1]
            old = self._replays()
            self.step(torch.cat([new[0], old[0]], 1), torch.cat([new[1], old[1]], 1))
            self._keep(features[:, place], labels[:, place])

    def _replays(self) -> tuple[Tensor, Tensor]:
        """Random samples of the memory (E, R, D) with labels (E, R): none of an empty one."""
        assert self.memory is not None
        features, labels = self.memory
        filled = min(self.count, self.size)
        number = self.replayed if filled else 0
        picks = torch.randint(max(1, filled), (len(labels), number), generator=self.draw).to(labels.device)
        each = torch.arange(len(labels), device=labels.device)[:, None]
        return features[each, picks], labels[each, picks]

    def _keep(self, features: Tensor, labels: Tensor) -> None:
        """The memory holds each of the samples so far with the same probability."""
        assert self.memory is not None
        places = torch.randint(self.count + 1, labels.shape, generator=self.draw).to(labels.device)
        if self.count < self.size:
            places = torch.full_like(labels, self.count)
        (kept,) = (places < self.size).nonzero(as_tuple=True)
        self.memory[0][kept, places[kept]] = features[kept]
        self.memory[1][kept, places[kept]] = labels[kept]
        self.count += 1


class Joint(Softmax):
    """Several passes over all samples of an update in random batches, at a rate that falls linearly to 0."""

    def update(self, features: Tensor, labels: Tensor) -> None:
        samples = labels.shape[1]
        batches = [part for _ in range(PASSES) for part in torch.randperm(samples, generator=self.draw).split(BATCH)]
        for number, batch in enumerate(batches):
            chosen = batch.to(labels.device)
            self.step(features[:, chosen], labels[:, chosen], 1 - number / len(batches))
