"""Options of the methods and evaluators. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import TextView, option


@dataclass(frozen=True)
class SimCSEConfig:
    """Options of unsupervised SimCSE."""

    temperature: float = option(0.05, "softmax temperature of the cosines")
    view: Literal["dropout", "crop", "delete"] = option(
        "dropout",
        "what differs between the two views of a sentence, beside dropout: nothing, or some tokens that are left out",
    )
    rate: float | None = option(None, "share of the tokens that crop and delete leave out; none: the data set's")

    def __post_init__(self) -> None:
        _positive(temperature=self.temperature)
        TextView(view=self.view, rate=self.rate)  # refuses what is no share


@dataclass(frozen=True)
class SupervisedConfig:
    """Options of supervised SimCSE."""

    temperature: float = option(0.05, "softmax temperature of the cosines")
    negative_weight: float = option(1.0, "alpha: what a sentence's own hard negative weighs beside those of the others")

    def __post_init__(self) -> None:
        _positive(temperature=self.temperature, negative_weight=self.negative_weight)


@dataclass(frozen=True)
class SimilarityConfig:
    """Options of semantic textual similarity."""

    splits: tuple[str, ...] = option((), "tasks, a split each; none: all with scored pairs but train")
    aggregation: Literal["all", "mean", "wmean"] = option(
        "all",
        "one correlation over all pairs of a task, as the papers; or the mean over its subsets, as they are or by size",
    )

    def __post_init__(self) -> None:
        if len({*self.splits}) < len(self.splits):
            raise ValueError(f"splits names one twice: {', '.join(self.splits)}")


@dataclass(frozen=True)
class PairsConfig:
    """Options of what is measured of pairs that mean the same."""

    split: str = option("test", "split whose pairs are taken")
    least: float | None = option(None, "least score of a pair that is taken; none: the greatest of the split")


def _positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} must be positive, not {value}")
