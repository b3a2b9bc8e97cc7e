"""SwAV against plain loops in float64: codes, loss and gradient; prototypes, queues and small crops."""

from __future__ import annotations

import math
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from harness_joint import SwAVConfig
from harness_joint.crops import CropBatch
from harness_joint.parts import sinkhorn
from harness_joint.swav import SwAV
from torch import Tensor

from harness import Data

SMALL: dict[str, Any] = {"prototypes": 5, "projection_dim": 6, "hidden_dim": 8, "small_crops": 2}


pytestmark = pytest.mark.usefixtures("in_float64")


def made(data: Data, net: Any, **options: Any) -> SwAV:
    return SwAV(net, SwAVConfig(**{**SMALL, **options}), data).train().double()


def codes_by_loops(z: Tensor, prototypes: Tensor, entropy: float) -> list[list[float]]:
    """Eqs. 3 to 5 as scalings u and v of exp(c·z / e), prototype by prototype and picture by picture; three rounds."""
    kernel = [[math.exp(float(c @ each) / entropy) for each in z] for c in prototypes]  # (K, N), as in the paper
    u, v = [1.0] * len(prototypes), [1.0] * len(z)
    for _ in range(3):
        u = [1 / len(u) / sum(kernel[k][n] * v[n] for n in range(len(v))) for k in range(len(u))]
        v = [1 / len(v) / sum(kernel[k][n] * u[k] for k in range(len(u))) for n in range(len(v))]
    return [[u[k] * kernel[k][n] * v[n] * len(v) for k in range(len(u))] for n in range(len(v))]


@pytest.mark.parametrize("queue", [0, 7])
def test_loss_and_gradient_are_those_of_a_loop(gratings: Data, tiny_net: Any, queue: int, crops: CropBatch) -> None:
    swav, batch = made(gratings, tiny_net, queue_size=queue, temperature=0.2, entropy=0.3), crops
    loss = swav.loss(batch)
    features = torch.cat([swav.backbone(each.flatten(0, 1)) for each in batch])
    z = swav.projector(features)
    z = (z / z.square().sum(1, keepdim=True).sqrt()).unflatten(0, (4, 4))
    errors = []
    for s in range(2):
        given = torch.cat([z[s], swav.queues[s]]).detach()
        codes = codes_by_loops(given, swav.prototypes.detach(), 0.3)[:4]
        for t in range(4):
            if t != s:
                for n in range(4):
                    scores = torch.stack([z[t, n] @ c / 0.2 for c in swav.prototypes])
                    normal = scores.exp().sum().log()
                    errors.append(-sum(q * (score - normal) for q, score in zip(codes[n], scores, strict=True)))
    expected = torch.stack(errors).mean()  # type: ignore[arg-type]  # sums of tensors
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
    weights = list(swav.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-10)


def test_codes_use_all_prototypes_alike() -> None:
    """Trap: targets of the softmax alone may all be of one prototype."""
    similarities = F.normalize(torch.randn(64, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    similarities[:, 0] += 1.0  # nearest to all
    assert (similarities.argmax(1) == 0).float().mean() > 0.9
    codes = 64 * sinkhorn(similarities, 0.2, 20)
    torch.testing.assert_close(codes.sum(0), torch.full((8,), 8.0), rtol=0.02, atol=0)
    torch.testing.assert_close(codes.sum(1), torch.ones(64))


def test_prototypes_keep_their_length_and_are_frozen_at_first(gratings: Data, tiny_net: Any, crops: CropBatch) -> None:
    swav, batch = made(gratings, tiny_net, frozen_steps=2), crops
    moved = []
    for step in range(4):
        swav.zero_grad()
        swav.loss(batch).backward()
        assert swav.prototypes.grad is not None
        moved.append(bool(swav.prototypes.grad.any()))
        with torch.no_grad():
            swav.prototypes.mul_(3.0)
        swav.after_step(step, 4)
        torch.testing.assert_close(swav.prototypes.norm(dim=1), torch.ones(5).double())
    assert moved == [False, False, True, True]
    assert all(weight.grad is not None and weight.grad.any() for weight in swav.backbone.parameters())


def test_each_large_crop_has_a_queue_of_earlier_batches(gratings: Data, tiny_net: Any, crops: CropBatch) -> None:
    swav, batch = made(gratings, tiny_net, queue_size=6), crops
    before = swav.queues.clone()
    swav.loss(batch)
    assert torch.equal(swav.queues, before)  # its own projections join after the step
    swav.after_step(0, 9)
    features = swav.projector(torch.cat([swav.backbone(each.flatten(0, 1)) for each in batch]))
    z = F.normalize(features, dim=1).unflatten(0, (4, 4))
    torch.testing.assert_close(swav.queues[:, :4], z[:2].detach(), rtol=1e-4, atol=1e-6)
    assert torch.equal(swav.queues[:, 4:], before[:, 4:])
    swav.loss(batch)
    swav.after_step(1, 9)
    torch.testing.assert_close(swav.queues[:, [4, 5, 0, 1]], z[:2].detach(), rtol=1e-4, atol=1e-6)
    assert swav.place.item() == 2


def test_small_crops_predict_and_are_not_predicted(gratings: Data, tiny_net: Any, crops: CropBatch) -> None:
    """No code is of a small crop: without a gradient through the large ones, its own prediction alone changes it."""
    swav, batch = made(gratings, tiny_net), crops
    seen: list[Tensor] = []
    codes = swav.codes
    with mock.patch.object(swav, "codes", lambda z, queue: seen.append(z) or codes(z, queue)):
        swav.loss(batch)
    large = F.normalize(swav.projector(torch.cat([swav.backbone(each.flatten(0, 1)) for each in batch])), dim=1)
    torch.testing.assert_close(torch.cat(seen).double(), large[:8].detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", ["prototypes", "temperature", "entropy", "projection_dim", "hidden_dim"])
def test_impossible_options_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        SwAVConfig(**{wrong: 0})
