"""DINO against plain loops in float64: loss and gradient; centre, teacher and small crops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_joint import DINOConfig
from harness_joint.crops import CropBatch
from harness_joint.dino import DINO
from torch import Tensor, nn

from harness import Data

SMALL: dict[str, Any] = {"prototypes": 5, "bottleneck_dim": 6, "hidden_dim": 8, "small_crops": 2}


pytestmark = pytest.mark.usefixtures("in_float64")


def made(data: Data, net: Any, **options: Any) -> DINO:
    return DINO(net, DINOConfig(**{**SMALL, **options}), data).train().double()


def apart(dino: DINO) -> None:
    """As after some steps: the teacher is no copy any more, and outputs have a centre."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in [*dino.teacher.parameters(), dino.teacher_prototypes, dino.center]:
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator, dtype=torch.float64))


def scores(z: Tensor, prototypes: Tensor) -> list[Tensor]:
    """The cosine of one projection with each prototype."""
    return [z @ c / (z.square().sum() * c.square().sum()).sqrt() for c in prototypes]


def outputs(networks: tuple[Any, Any], images: tuple[Tensor, ...]) -> list[Tensor]:
    """Of each crop, in the order of the batch: crops of one size share batch-norm statistics."""
    backbone, head = networks
    return list(head(torch.cat([backbone(each.flatten(0, 1)) for each in images])).unflatten(0, (-1, 4)))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_loss_and_gradient_are_those_of_a_loop(
    gratings: Data, tiny_net: Any, batch_norm: bool, crops: CropBatch
) -> None:
    dino, batch = (
        made(gratings, tiny_net, student_temperature=0.3, teacher_temperature=0.2, batch_norm=batch_norm),
        crops,
    )
    apart(dino)
    loss = dino.loss(batch)
    student = outputs((dino.backbone, dino.head), tuple(batch))
    with torch.no_grad():
        teacher = outputs((dino.teacher[0], dino.teacher[1]), (batch.large,))
    errors = []
    for g in range(2):
        for v in range(4):
            if v != g:
                for n in range(4):
                    given = scores(teacher[g][n], dino.teacher_prototypes)
                    raw = [math.exp((float(t) - float(c)) / 0.2) for t, c in zip(given, dino.center, strict=True)]
                    made_up = torch.stack(scores(student[v][n], dino.prototypes)) / 0.3
                    normal = made_up.exp().sum().log()
                    errors.append(-sum(r / sum(raw) * (s - normal) for r, s in zip(raw, made_up, strict=True)))
    expected = torch.stack(errors).mean()  # type: ignore[arg-type]  # sums of tensors
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
    weights = [weight for weight in dino.parameters() if weight.requires_grad]
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-10)


def test_the_centre_follows_the_teachers_outputs_after_the_step(
    gratings: Data, tiny_net: Any, crops: CropBatch
) -> None:
    dino, batch = made(gratings, tiny_net, center_momentum=0.8), crops
    apart(dino)
    before = dino.center.clone()
    with torch.no_grad():
        teacher = outputs((dino.teacher[0], dino.teacher[1]), (batch.large,))
        every = [torch.stack(scores(z, dino.teacher_prototypes)) for crop in teacher for z in crop]
    dino.loss(batch)
    assert torch.equal(dino.center, before)
    dino.after_step(0, 10)
    torch.testing.assert_close(dino.center, 0.8 * before + 0.2 * torch.stack(every).mean(0), rtol=1e-6, atol=1e-8)


def test_the_teacher_starts_as_a_copy_gets_no_gradient_and_follows(
    gratings: Data, tiny_net: Any, crops: CropBatch
) -> None:
    """Trap: a teacher without the last layer, or with one of its own."""
    dino = made(gratings, tiny_net, momentum=0.9)
    student = [*dino.backbone.parameters(), *dino.head.parameters(), dino.prototypes]
    teacher = [*dino.teacher.parameters(), dino.teacher_prototypes]
    assert all(torch.equal(one, other) for one, other in zip(student, teacher, strict=True))
    dino.loss(crops).backward()
    assert all(weight.grad is None for weight in teacher)
    assert all(weight.grad is not None and weight.grad.any() for weight in student)
    before = [weight.clone() for weight in teacher]
    with torch.no_grad():
        for weight in student:
            weight.add_(1.0)
    kept = 1.0
    for step in range(4):
        dino.after_step(step, 4)
        kept *= 1 - (1 - 0.9) * (math.cos(math.pi * step / 4) + 1) / 2
    for weight, start in zip(teacher, before, strict=True):
        torch.testing.assert_close(weight, start + 1 - kept)


def test_the_teacher_sees_no_small_crop(gratings: Data, tiny_net: Any, crops: CropBatch) -> None:
    dino, seen = made(gratings, tiny_net), []
    dino.teacher.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    dino.loss(crops)
    assert seen == [(8, 1, 14, 14)]


def test_prototypes_are_frozen_at_first(gratings: Data, tiny_net: Any, crops: CropBatch) -> None:
    dino, batch, moved = made(gratings, tiny_net, frozen_steps=2), crops, []
    for step in range(4):
        dino.zero_grad()
        dino.loss(batch).backward()
        assert dino.prototypes.grad is not None
        moved.append(bool(dino.prototypes.grad.any()))
        dino.after_step(step, 4)
    assert moved == [False, False, True, True]


def test_the_head_has_batch_norm_if_told(gratings: Data, tiny_net: Any) -> None:
    norms = [
        [isinstance(layer, nn.BatchNorm1d) for layer in made(gratings, tiny_net, batch_norm=told).head]
        for told in (False, True)
    ]
    assert [sum(each) for each in norms] == [0, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: 0} for name in ("prototypes", "student_temperature", "teacher_temperature", "bottleneck_dim")),
        {"momentum": 1.1},
        {"center_momentum": -0.1},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DINOConfig(**wrong)
