"""RankMe: how many directions the features fill (Garrido et al. 2023, arXiv:2210.02885)."""

from __future__ import annotations

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained, UsageError
from harness_evaluators import RankMeConfig

EPSILON = 1e-7  # of equation 1
GROUPS = 20  # of samples, each left out once


class RankMe(Evaluator):
    """The effective rank of all features of a split. It needs no labels."""

    config: RankMeConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        number = len(data.split(self.config.split))
        if number < 2 * GROUPS:
            raise UsageError(
                f"the split '{self.config.split}' has {number} samples; an effective rank with its uncertainty takes "
                f"{2 * GROUPS}."
            )

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        features = trained.features(self.config.split)
        value, left_out = without_groups(features, groups_of(len(features)))
        details = {"dimensions": features.shape[1]}
        return {"effective rank": Metric.jackknife(value, left_out, "group", details=details)}


def groups_of(number: int) -> Tensor:
    """(N,) The group of each sample, at random: the samples of a split may be sorted."""
    return torch.randperm(number, generator=torch.Generator().manual_seed(0)) % GROUPS


def without_groups(features: Tensor, groups: Tensor) -> tuple[float, Tensor]:
    """RankMe of features (N, D), and without each group in turn (GROUPS,).

    Singular values are roots of the eigenvalues of Z^T Z, a sum over groups that is computed once.
    """
    parts = [features[(groups == group).to(features.device)].double() for group in range(GROUPS)]
    whole = sum_of_products(parts)
    left_out = [rankme(whole - sum_of_products([part]), len(features) - len(part)) for part in parts]
    return float(rankme(whole, len(features))), torch.stack(left_out)


def sum_of_products(parts: list[Tensor]) -> Tensor:
    """Z^T Z (D, D) of features (N, D) that are given in parts."""
    return torch.stack([part.T @ part for part in parts]).sum(0)


def rankme(products: Tensor, samples: int) -> Tensor:
    """Equations 1 and 2, from Z^T Z (D, D): exp(-sum p_k log p_k) with p_k = sigma_k / |sigma|_1 + EPSILON, over the
    min(N, D) singular values sigma of Z."""
    squares = torch.linalg.eigvalsh(products)[-min(samples, len(products)) :]
    values = squares.clamp_min(0).sqrt()
    shares = values / values.sum().clamp_min(torch.finfo(values.dtype).tiny) + EPSILON
    return torch.special.entr(shares).sum().exp()
