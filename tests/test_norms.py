"""Batch norm over all ranks, with one: it is torch's own. tests/test_two_ranks.py has it with two."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from harness import scale_and_shift
from harness.learning.sync_norms import synchronise_norms

KINDS: dict[str, tuple[type[nn.Module], dict[str, Any], tuple[int, ...]]] = {
    "1d": (nn.BatchNorm1d, {}, (7, 3)),
    "1d of sequences": (nn.BatchNorm1d, {}, (5, 3, 4)),
    "2d": (nn.BatchNorm2d, {"momentum": 0.3}, (4, 3, 5, 2)),
    "3d": (nn.BatchNorm3d, {"eps": 1e-3}, (2, 3, 2, 2, 3)),
    "without weights": (nn.BatchNorm2d, {"affine": False}, (4, 3, 5, 2)),
    "mean of all batches": (nn.BatchNorm2d, {"momentum": None}, (4, 3, 5, 2)),
    "without running statistics": (nn.BatchNorm2d, {"track_running_stats": False}, (4, 3, 5, 2)),
}


def pair(kind: str, dtype: torch.dtype) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    made, options, shape = KINDS[kind]
    generator = torch.Generator().manual_seed(0)
    plain = made(3, **options).to(dtype)
    for weight in plain.parameters():
        nn.init.normal_(weight, 1.0, 0.5, generator=generator)
    synchronised = copy.deepcopy(plain)
    synchronise_norms(synchronised)
    return plain, synchronised, 3 * torch.randn(shape, generator=generator, dtype=torch.float64) + 2


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_gradients_and_running_statistics_are_those_of_torch(kind: str) -> None:
    plain, synchronised, inputs = pair(kind, torch.float64)
    found = []
    for norm in (plain, synchronised):
        given = inputs.clone().requires_grad_()
        for _ in range(2):
            outputs = norm(given)
        (outputs * torch.arange(outputs.numel(), dtype=torch.float64).view_as(outputs).cos()).sum().backward()
        slopes = [weight.grad for weight in norm.parameters()]
        found.append([outputs.detach(), given.grad, *slopes, *norm.buffers(), norm.eval()(inputs)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_half_precision_is_close_to_full(layout: torch.memory_format) -> None:
    plain, synchronised, inputs = pair("2d", torch.float32)
    given = inputs.bfloat16().to(memory_format=layout).requires_grad_()
    outputs = synchronised(given)
    outputs.float().square().mean().backward()
    assert outputs.dtype == torch.bfloat16
    assert given.grad is not None
    assert given.grad.dtype == torch.bfloat16
    torch.testing.assert_close(outputs.float(), plain(inputs.float()), rtol=0.02, atol=0.02)


def test_a_channel_that_is_constant_is_no_division_by_zero() -> None:
    for value in (0.0, 1e4):
        norm = nn.BatchNorm1d(2)
        synchronise_norms(norm)
        given = torch.full((6, 2), value, requires_grad=True)
        outputs = norm(given)
        outputs.sum().backward()
        assert outputs.abs().max() < 0.5
        assert given.grad is not None
        assert given.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 6), (4, 3, 5, 2), (2, 3, 4, 3, 2)])
def test_a_factor_and_a_shift_per_channel_have_the_gradients_of_plain_arithmetic(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(each, generator=generator, dtype=torch.float64) for each in (shape, (3,), (3,))]
    along = [torch.randn(each.shape, generator=generator, dtype=torch.float64) for each in given]

    def plain(values: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return values * scale.view(-1, *[1] * (len(shape) - 2)) + shift.view(-1, *[1] * (len(shape) - 2))

    found = []
    for function in (scale_and_shift, plain):
        leaves = [each.clone().requires_grad_() for each in given]
        outputs = function(*leaves)
        slopes = torch.autograd.grad(outputs.cos().sum(), leaves, create_graph=True)
        bends = torch.autograd.grad(sum((s * v).sum() for s, v in zip(slopes, along, strict=True)), leaves)
        found.append([outputs, *slopes, *bends])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
