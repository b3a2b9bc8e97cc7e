"""Evaluators that each keep the contract but for one point."""

import dataclasses

import torch

from harness import Evaluator, Metric


class Good(Evaluator):
    """The share of test samples that are nearest to the mean of their own class."""

    def evaluate(self, trained):
        return {"accuracy": Metric.mean(self.hits(trained).float(), "sample", shown="percent")}

    def hits(self, trained):
        distances, labels = self.distances(trained), trained.data.split("test").labels
        return distances.argmin(1) == labels

    def distances(self, trained):
        train, known = trained.data.train, trained.features("train")
        return torch.cdist(self.asked(trained), self.means(known, train.labels, len(train.classes)))

    def asked(self, trained):
        return trained.features("test")

    def means(self, features, labels, classes):
        return torch.stack([features[labels == label].mean(0) for label in range(classes)])


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
        hits = super().hits(trained)
        return hits[torch.randint(len(hits), (len(hits),), generator=generator)]


class LastBatchDropped(Good):
    """leaves out the last, incomplete batch of the test split"""

    def hits(self, trained):
        hits = super().hits(trained)
        return hits[: len(hits) // 32 * 32]


class TrainFeatures(Good):
    """takes features of the training split and labels of the test split"""

    def hits(self, trained):
        nearest, labels = self.distances(trained).argmin(1), trained.data.split("test").labels
        return nearest[: len(labels)] == labels

    def asked(self, trained):
        return trained.features("train")


class OutOfOrder(Good):
    """takes the test split to come class by class"""

    def hits(self, trained):
        return self.distances(trained).argmin(1) == trained.data.split("test").labels.sort().values


class SecondGuess(Good):
    """counts a sample as a hit if its class is one of the nearest two"""

    def hits(self, trained):
        nearest = self.distances(trained).topk(2, largest=False).indices
        return (nearest == trained.data.split("test").labels[:, None]).any(1)


class ReferenceAsTest(Good):
    """scores the training split, its own reference, as the test"""

    def hits(self, trained):
        return self.distances(trained).argmin(1) == trained.data.train.labels

    def asked(self, trained):
        return trained.features("train")


class OwnReference(Good):
    """has the test split, with its labels, as reference of itself"""

    def distances(self, trained):
        test, known = trained.data.split("test"), trained.features("test")
        return torch.cdist(known, self.means(known, test.labels, len(test.classes)))


class AlignedByLabels(Good):
    """moves each class of the test split to where it was in training"""

    def asked(self, trained):
        train, test, features = trained.data.train, trained.data.split("test"), trained.features("test")
        classes = len(train.classes)
        there = self.means(trained.features("train"), train.labels, classes)
        return features + (there - self.means(features, test.labels, classes))[test.labels]


class TestStatistics(Good):
    """subtracts the mean of the test split from it, which depends on how many of each class there are"""

    def asked(self, trained):
        features = trained.features("test")
        return features - features.mean(0) + trained.features("train").mean(0)


class ChosenOnTest(Good):
    """takes the number of neighbours that scores best on the test split"""

    def hits(self, trained):
        labels, known = trained.data.split("test").labels, trained.data.train.labels
        order = torch.cdist(self.asked(trained), trained.features("train")).argsort(1)
        found = [known[order[:, :k]].mode(1).values == labels for k in (1, 3, 5, 7, 9, 11)]
        return max(found, key=lambda hits: hits.float().mean())


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
        return super().hits(trained) & torch.ones(trained.data.split("test").labels.shape, dtype=torch.bool)


class Whole(Good):
    """Beside the accuracy two numbers that are no means: a correlation by the jackknife, and one with an interval."""

    def evaluate(self, trained):
        right, sure = self.hits(trained).double(), -self.distances(trained).min(1).values.double()
        kept = ~torch.eye(len(right), dtype=torch.bool)
        without = torch.stack([self.correlation(right[others], sure[others]) for others in kept])
        value = self.correlation(right, sure)
        return super().evaluate(trained) | {
            "correlation": self.jackknifed(value, without),
            "spread": self.within(sure.std().item(), sure),
        }

    def correlation(self, one, other):
        one, other = one - one.mean(), other - other.mean()
        return (one * other).sum() / (one.norm() * other.norm() + 1e-12)

    def jackknifed(self, value, without):
        return Metric.jackknife(value.item(), without, "sample", shown="percent")

    def within(self, value, values):
        drawn = torch.randint(len(values), (200, len(values)), generator=torch.Generator().manual_seed(0))
        return Metric.within(
            value, torch.quantile(values[drawn].std(1), torch.tensor([0.025, 0.975]).double()).tolist()
        )


class OtherStatistic(Whole):
    """takes the jackknife's values without each unit of another number than its value"""

    def jackknifed(self, value, without):
        return super().jackknifed(value, without + 0.1)


class NoEnds(Whole):
    """divides by zero on its way to the ends of its interval"""

    def within(self, value, values):
        return Metric.within(value, (float("-inf"), float("inf")))


class Elsewhere(Whole):
    """gives the two ends as distances from its value"""

    def within(self, value, values):
        return Metric.within(value, (-value / 10, value / 10))


class UnseededBootstrap(Whole):
    """draws its bootstrap from a generator without a seed"""

    def within(self, value, values):
        generator = torch.Generator()
        generator.seed()
        drawn = values[torch.randint(len(values), (200, len(values)), generator=generator)].std(1)
        return Metric.within(value, (min(value, drawn.min().item()), max(value, drawn.max().item())))


class Fractional(Good):
    """says that it is shown as a fraction"""

    def evaluate(self, trained):
        (metric,) = super().evaluate(trained).values()
        return {"accuracy": dataclasses.replace(metric, shown="fraction")}


class NamelessUnits(Good):
    """does not say what a unit is"""

    def evaluate(self, trained):
        return {"accuracy": Metric.mean(self.hits(trained).float(), "", shown="percent")}


class Bare(Good):
    """gives a number without units and without an interval"""

    def evaluate(self, trained):
        (metric,) = super().evaluate(trained).values()
        return {"accuracy": dataclasses.replace(metric, units=metric.units[:0])}
