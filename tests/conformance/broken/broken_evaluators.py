"""Evaluators that each keep the contract but for one point."""

import dataclasses

import torch

from harness import Evaluator, Metric


class Good(Evaluator):
    """The share of test samples that are nearest to the mean of their own class."""

    def evaluate(self, trained):
        return {"accuracy": Metric.mean(self.hits(trained).float(), "image")}

    def hits(self, trained):
        distances, labels = self.distances(trained), trained.data.split("test").labels
        return distances.argmin(1) == labels

    def distances(self, trained):
        train, known = trained.data.train, trained.features("train")
        means = torch.stack([known[train.labels == label].mean(0) for label in range(len(train.classes))])
        return torch.cdist(trained.features("test"), means)


class Unscorable(Good):
    """gives a number instead of a Metric"""

    def evaluate(self, trained):
        return {"accuracy": self.hits(trained).float().mean().item()}


class Truncated(Good):
    """gives the units of the first hundred samples alone"""

    def evaluate(self, trained):
        (metric,) = super().evaluate(trained).values()
        return {"accuracy": dataclasses.replace(metric, units=metric.units[:100])}


class Sampling(Good):
    """scores other test samples each time"""

    def hits(self, trained):
        generator = torch.Generator()
        generator.seed()
        return super().hits(trained)[torch.randperm(240, generator=generator)[:100]]


class WinningTies(Good):
    """counts a tie as a hit"""

    def hits(self, trained):
        distances, labels = self.distances(trained), trained.data.split("test").labels
        return distances.gather(1, labels[:, None])[:, 0] <= distances.min(1).values


class Training(Good):
    """leaves the encoder in train mode"""

    def hits(self, trained):
        hits = super().hits(trained)
        trained.method.train()
        return hits


class NoGradient(Good):
    """switches gradients off, for good"""

    def hits(self, trained):
        torch.set_grad_enabled(False)
        return super().hits(trained)


class Seeding(Good):
    """seeds torch's global generator"""

    def hits(self, trained):
        torch.manual_seed(0)
        return super().hits(trained)


class OnTheCpu(Good):
    """makes a tensor on the CPU"""

    def hits(self, trained):
        return super().hits(trained) & torch.ones(240, dtype=torch.bool)
