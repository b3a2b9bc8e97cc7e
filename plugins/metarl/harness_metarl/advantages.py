"""Advantages of policy gradients, and the linear baseline."""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-3  # weight of the squared coefficients for each step of the data; Duan et al. have 1e-5 for all of them


def advantages(rewards: Tensor, values: Tensor, discount: float, gae: float) -> Tensor:
    """Generalised advantages (M, T) (Schulman et al. 2016, arXiv:1506.02438): the discounted sum of
    r + discount V(s') - V(s), the discount of the sum being discount * gae. Nothing comes after the last step."""
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
    errors = rewards + discount * following - values
    found = torch.zeros_like(errors)
    total = torch.zeros_like(errors[:, 0])
    for step in reversed(range(errors.shape[1])):
        total = errors[:, step] + discount * gae * total
        found[:, step] = total
    return found


def linear_baseline(observations: Tensor, returns: Tensor) -> Tensor:
    """Values of states by a ridge regression of returns in each task (Duan et al. 2016, arXiv:1604.06778, section 5).

    Args:
        observations: Of E episodes of T steps in M tasks (M, E, T, O).
        returns: Discounted sums of the rewards from each step on (M, E, T).

    Returns:
        Values (M, E, T), fitted to the same episodes. They are linear in the observation, its square, and a polynomial
        of degree 3 of the time, which is 1 at the end of an episode.
    """
    steps = observations.shape[2]
    time = torch.linspace(1 / steps, 1, steps, device=observations.device, dtype=observations.dtype)[:, None]
    powers = torch.cat([time**0, time, time**2, time**3], 1).expand(*observations.shape[:2], -1, -1)
    features = torch.cat([observations, observations.square(), powers], -1).flatten(1, 2)
    ridge = RIDGE * features.shape[1] * torch.eye(features.shape[2], device=features.device, dtype=features.dtype)
    with torch.autocast(features.device.type, enabled=False):
        wanted = features.mT @ returns.flatten(1)[..., None]
        weights = torch.linalg.solve(features.mT @ features + ridge, wanted)
        return (features @ weights).view_as(returns)
