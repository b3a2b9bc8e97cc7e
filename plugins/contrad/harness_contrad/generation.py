"""FID and KID of a method's samples, in the features of a judge."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, cast

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Pictures, Trained, UsageError
from harness_contrad import GenerationConfig

GROUPS = 20  # of samples, each left out once for the intervals
SHOWN = 32  # samples in the report
CHUNK = 250  # samples that are made at a time


class Generation(Evaluator):
    """The distance of Frechet (Heusel et al. 2017, arXiv:1706.08500) and the kernel distance (Binkowski et al. 2018,
    arXiv:1801.01401) between made and real samples. The judge is another trained cell: in features of its own a method
    would be told how well it fools itself."""

    config: GenerationConfig
    has_judge: ClassVar[bool] = True

    def check(self, method: Method, data: Data) -> None:
        """One sample is made, of a method that is as it starts."""
        with torch.no_grad():
            method.eval().sample(1, torch.Generator().manual_seed(0))
        for name in ("train", self.config.split):
            if len(data.split(name)) < self.config.samples:
                raise UsageError(
                    f"the split '{name}' has {len(data.split(name))} samples, and {self.config.samples} are compared: "
                    "set 'samples'."
                )

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        number, split, judge = self.config.samples, self.config.split, cast(Trained, trained.judge)
        real = judge.features(split)[chosen(trained.data, split, number)].double()
        seen = judge.features("train")[chosen(trained.data, "train", number)].double()
        samples = self.made(trained.method, number)
        made = judge.encode(samples).double()
        protocol = f"{number} made and {number} of {split}"
        metrics = {
            name: Metric.jackknife(
                *distance(made, real), "group", higher_is_better=False, protocol=protocol,
                details={"of as many of train": distance(seen, real)[0]},
            )
            for name, distance in (("FID", fid), ("KID", kid))
        }  # fmt: skip
        if is_pictures(samples):
            metrics["FID"] = replace(metrics["FID"], pictures=Pictures(samples[:SHOWN].cpu().numpy()))
        return metrics

    @torch.no_grad()
    def made(self, method: Method, number: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.config.seed)
        method.eval()
        sizes = [len(part) for part in torch.arange(number).split(CHUNK)]
        return torch.cat([method.sample(size, generator) for size in sizes])


def is_pictures(samples: Tensor) -> bool:
    """Whether the report can show them."""
    return samples.ndim == 4 and samples.dtype == torch.uint8 and samples.shape[1] in (1, 3)


def chosen(data: Data, split: str, number: int) -> Tensor:
    """Which samples of a split are compared: as many as are made, at random."""
    return torch.randperm(len(data.split(split)), generator=torch.Generator().manual_seed(0))[:number]


def fid(one: Tensor, other: Tensor) -> tuple[float, Tensor]:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) of features (N, D) and (M, D), in float64; and without each of GROUPS
    parts of both in turn (GROUPS,). It is biased by the numbers of samples: values of other numbers do not compare."""
    parts = [[_moments(part) for part in each.tensor_split(GROUPS)] for each in (one, other)]
    whole = [[sum(column) for column in zip(*each, strict=True)] for each in parts]

    def without(group: int | None) -> Tensor:
        left = [
            whole_ if group is None else [all_ - own for all_, own in zip(whole_, part[group], strict=True)]
            for whole_, part in zip(whole, parts, strict=True)
        ]
        (mean, covariance), (other_mean, other_covariance) = (_gaussian(*each) for each in left)
        return frechet(mean, covariance, other_mean, other_covariance)

    return float(without(None)), torch.stack([without(group) for group in range(GROUPS)])


def _moments(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number, sum, and sum of products."""
    return torch.tensor(len(features), dtype=features.dtype), features.sum(0), features.T @ features


def _gaussian(number: Tensor, total: Tensor, products: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance."""
    mean = total / number
    return mean, (products - number * mean[:, None] * mean) / (number - 1)


def frechet(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """Between two Gaussians. The trace of (C1 C2)^1/2 is that of the symmetric (C1^1/2 C2 C1^1/2)^1/2."""
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp_min(0).sqrt().sum()
    return (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * shared


def kid(one: Tensor, other: Tensor) -> tuple[float, Tensor]:
    """The unbiased squared maximum mean discrepancy of features (N, D) and (M, D) by the kernel (x y / D + 1)^3, in
    float64; and without each of GROUPS parts of both in turn (GROUPS,)."""
    groups = [each.tensor_split(GROUPS) for each in (one, other)]
    sizes = [torch.tensor([len(part) for part in each]) for each in groups]
    within = [_blocks(each, each) - torch.diag(torch.stack([_kernel_of_itself(p) for p in each])) for each in groups]
    across = _blocks(groups[0], groups[1])

    def without(group: int | None) -> Tensor:
        kept = torch.arange(GROUPS) != (-1 if group is None else group)
        n, m = (each[kept].sum() for each in sizes)
        own, others = (each[kept][:, kept].sum() for each in within)
        return own / (n * (n - 1)) + others / (m * (m - 1)) - 2 * across[kept][:, kept].sum() / (n * m)

    return float(without(None)), torch.stack([without(group) for group in range(GROUPS)])


def _blocks(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
    """The sum of the kernel over all pairs of each two parts (GROUPS, GROUPS)."""
    columns = torch.cat(other)
    ends = [len(part) for part in other]
    rows = [(part @ columns.T / columns.shape[1] + 1).pow(3).sum(0).split(ends) for part in one]
    return torch.stack([torch.stack([block.sum() for block in row]) for row in rows])


def _kernel_of_itself(features: Tensor) -> Tensor:
    return (features.square().sum(1) / features.shape[1] + 1).pow(3).sum()
