"""Softmax regression with an L2 penalty: several fits of the same samples at once, by L-BFGS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

HISTORY = 5  # steps that L-BFGS remembers
HALVINGS = 20  # of a step that does not lower the loss


class Samples(NamedTuple):
    """x (N, D), whose last column is ones; labels (N,); share (R, N): what each sample weighs in each of R fits."""

    x: Tensor
    labels: Tensor
    share: Tensor


class Step(NamedTuple):
    """A step of L-BFGS: how far the weights moved, (R, C, D), how the gradient changed, and 1 / their product, (R,)."""

    moved: Tensor
    changed: Tensor
    inverse_product: Tensor


def loss_and_gradient(weights: Tensor, samples: Samples, penalty: float) -> tuple[Tensor, Tensor]:
    """Of weights (R, C, D): sum over n of share_n * cross-entropy_n, (R,), and its gradient, (R, C, D).

    To the loss comes penalty / 2 * |W|^2, without the bias, the last column. With the probabilities P (C, N) of a fit
    and the labels Y as one-hot columns, the gradient is share * (P - Y) x + penalty * W.
    """
    x, labels, share = samples
    every = torch.arange(len(x), device=x.device)
    shrinking = penalty * weights
    shrinking[..., -1] = 0
    # classes before samples: products with so few rows are three times as fast as with so few columns
    errors = (weights.flatten(0, 1) @ x.T).view(*weights.shape[:2], len(x)).softmax(1)
    right = errors[:, labels, every]
    loss = -(share * right.clamp_min(torch.finfo(x.dtype).tiny).log()).sum(1) + 0.5 * dot(shrinking, weights)
    errors[:, labels, every] = right - 1
    errors *= share[:, None]
    return loss, (errors.flatten(0, 1) @ x).view_as(weights) + shrinking


def curvature_inverse(moments: Tensor, penalty: float, classes: int) -> Tensor:
    """(D, D): the inverse of the Hessian while all classes are equally likely, which is the same for every class.

    With `moments` x^T x / N it is moments / classes + penalty on the weights whose sum over classes is zero: Newton's
    matrix at weights of zero, and a good start for L-BFGS everywhere.
    """
    # the least penalty keeps rounding errors of the moments from being taken for directions
    least = 1e-6 * float(moments.diagonal().sum()) / classes
    hessian = moments / classes
    hessian.diagonal().add_(max(penalty, least))
    return torch.cholesky_inverse(torch.linalg.cholesky(hessian))


def minimise(start: Tensor, samples: Samples, penalty: float, inverse: Tensor, tolerance: float, limit: int) -> Tensor:
    """Weights (R, C, D) that minimise `loss_and_gradient`, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5).

    It ends when a further step promises to lower no fit's loss by more than `tolerance`, or after `limit` steps.
    """
    weights, history = start, list[Step]()
    loss, gradient = loss_and_gradient(weights, samples, penalty)
    for _ in range(limit):
        direction = newton(gradient, history, inverse)
        slope = dot(gradient, direction)
        if -slope.min() < tolerance:
            break
        before, size = (weights, loss, gradient), torch.ones_like(slope)
        for _ in range(HALVINGS):
            weights = before[0] + size[:, None, None] * direction
            loss, gradient = loss_and_gradient(weights, samples, penalty)
            worse = loss > before[1] + 1e-4 * size * slope + 1e-6 * before[1].abs()  # Armijo's rule, and rounding
            if not worse.any():
                break
            size = torch.where(worse, size / 2, size)
        moved, changed = weights - before[0], gradient - before[2]
        product = dot(moved, changed).clamp_min(torch.finfo(moved.dtype).tiny)
        history = [*history, Step(moved, changed, 1 / product)][-HISTORY:]
    return weights


def newton(gradient: Tensor, history: Sequence[Step], inverse: Tensor) -> Tensor:
    """The step (R, C, D) of L-BFGS: algorithm 7.4 of Nocedal and Wright. Its first guess of the inverse Hessian is
    `inverse`, scaled as their equation 7.20 says."""
    rest, scale, factors = gradient, torch.ones_like(gradient[:, 0, 0]), list[Tensor]()
    for step in reversed(history):
        factors.append(step.inverse_product * dot(step.moved, rest))
        rest = rest - factors[-1][:, None, None] * step.changed
    if history:
        last = history[-1]
        scale = 1 / (last.inverse_product * dot(last.changed, last.changed @ inverse)).clamp_min(1e-12)
    rest = scale[:, None, None] * (rest @ inverse)
    for step, factor in zip(history, reversed(factors), strict=True):
        rest = rest + (factor - step.inverse_product * dot(step.changed, rest))[:, None, None] * step.moved
    return -rest


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(R, C, D), (R, C, D) -> (R,)."""
    return (a * b).sum((1, 2))
