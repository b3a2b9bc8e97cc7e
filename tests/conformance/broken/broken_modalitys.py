"""Broken modalities, each with a data set that gives it."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from harness import Dataset, Modality, Split, UsageError


@dataclass(frozen=True, eq=False)
class Numbers(Modality):
    """Rows of four numbers."""

    name: ClassVar[str] = "numbers"

    mean: torch.Tensor
    shape: tuple = (4,)

    def check(self, samples):
        if samples.dtype != torch.float32 or samples.shape[1:] != self.shape:
            raise UsageError("numbers are float32 (N, 4).")

    def inputs(self, samples):
        return samples - self.mean

    def view(self, samples, draw):
        return self.inputs(samples) + draw.uniform(-1, 1, 4)

    @property
    def augments(self):
        return True

    def to(self, device):
        return replace(self, mean=self.mean.to(device))


class Good(Dataset):
    """Gives a modality that conforms."""

    kind = Numbers

    def load(self):
        samples = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        return {"train": Split(samples[:150]), "test": Split(samples[150:] + 1)}

    def modality(self, splits):
        return self.kind(splits["train"].samples.mean(0))


class NoModality(Good):
    """is no Modality"""

    class kind(Numbers.__mro__[-1]):  # noqa: N801 (the class attribute of the data set)
        def __init__(self, mean):
            self.name, self.mean, self.shape = "numbers", mean, (4,)

        def check(self, samples):
            pass

        def to(self, device):
            return self


class TakesAll(Good):
    """takes whatever it is given"""

    class kind(Numbers):  # noqa: N801
        def check(self, samples):
            pass


class Flattened(Good):
    """flattens all but the first dimension"""

    class kind(Numbers):  # noqa: N801
        def inputs(self, samples):
            return (samples - self.mean).flatten(1)


class OfTheBatch(Good):
    """normalises by the mean of the batch"""

    class kind(Numbers):  # noqa: N801
        def inputs(self, samples):
            return samples - samples.mean(-2, keepdim=True)

        def view(self, samples, draw):
            return samples - self.mean + draw.uniform(-1, 1, 4)


class InPlace(Good):
    """subtracts in place"""

    class kind(Numbers):  # noqa: N801
        def view(self, samples, draw):
            return samples.add_(draw.uniform(-1, 1, 4)) - self.mean


class OtherType(Good):
    """gives views in double precision"""

    class kind(Numbers):  # noqa: N801
        def view(self, samples, draw):
            return super().view(samples, draw).double()


class OwnNoise(Good):
    """draws from the global generator for its views"""

    class kind(Numbers):  # noqa: N801
        def view(self, samples, draw):
            torch.rand(len(samples))
            return super().view(samples, draw)


class Silent(Good):
    """says that its views do not differ"""

    class kind(Numbers):  # noqa: N801
        augments = False


class WholeNoise(Good):
    """draws for the whole batch what it uses for a part of it"""

    class kind(Numbers):  # noqa: N801
        def view(self, samples, draw):
            return self.inputs(samples) + draw.everywhere(-1, 1, 4)[: len(samples)]


class MeasuresAll(Good):
    """measures the test split, too"""

    def modality(self, splits):
        return Numbers(torch.cat([split.samples for split in splits.values()]).mean(0))


class Refits(Good):
    """normalises other data sets by their own mean"""

    class kind(Numbers):  # noqa: N801
        def fitted(self, other):
            return replace(other, mean=other.mean + 1)


class OnTheCpu(Good):
    """leaves its mean on the CPU"""

    class kind(Numbers):  # noqa: N801
        def to(self, device):
            return self
