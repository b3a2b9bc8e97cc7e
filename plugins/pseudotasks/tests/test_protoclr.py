"""ProtoCLR against a plain loop in float64; what batch norm sees; that labels have no part; that it learns."""

from __future__ import annotations

import math
from typing import Any
from unittest import mock

import pytest
import torch
from harness_pseudotasks import ProtoCLRConfig
from harness_pseudotasks.protoclr import ProtoCLR
from torch import Tensor

from harness import Augmentation, Data
from harness.learning.data.batches import Source


def loop(images: Tensor, views: list[Tensor]) -> float:
    """The loss of algorithm 1, a number at a time: features of images (N, D), of their views (N, D) each."""
    total, number = 0.0, 0
    for view in views:
        for i, query in enumerate(view):
            near = [math.exp(-sum(float(a - b) ** 2 for a, b in zip(query, image, strict=True))) for image in images]
            total -= math.log(near[i] / sum(near))
            number += 1
    return total / number


def test_the_loss_is_that_of_a_loop_with_one_batch_norm_over_images_and_views(gratings: Data, tiny_net: Any) -> None:
    method = ProtoCLR(tiny_net, ProtoCLRConfig(queries=2), gratings).double().train()
    drawn = method.batches.draw(Source(gratings, 6, 0), 0)  # type: ignore[union-attr]
    assert torch.equal(drawn[0], gratings.inputs(Source(gratings, 6, 0).samples(0)))
    assert not torch.equal(drawn[1], drawn[2])
    views = drawn.double()
    with mock.patch.object(Tensor, "float", Tensor.double):
        found = {name: value.item() for name, value in method.loss(views).items()}
    with torch.no_grad():
        together = method.backbone(torch.cat(list(views))).split(6)
        apart = [method.backbone(view) for view in views]
    assert found["loss"] == pytest.approx(loop(together[0], list(together[1:])), rel=1e-9)
    assert abs(found["loss"] - loop(apart[0], apart[1:])) > 1e-3  # another objective
    nearest = [torch.cdist(view, together[0]).argmin(1) for view in together[1:]]
    assert found["accuracy"] == pytest.approx(float((torch.stack(nearest) == torch.arange(6)).double().mean()))


def test_its_distances_score_few_shot_tasks(gratings: Data, tiny_net: Any) -> None:
    method = ProtoCLR(tiny_net, ProtoCLRConfig(), gratings).eval()
    generator = torch.Generator().manual_seed(0)
    support, query = torch.randn(3, 6, 5, generator=generator), torch.randn(3, 4, 5, generator=generator)
    labels = torch.tensor([[0, 1, 2, 2, 1, 0]] * 3)
    logits = method.adapt(support, labels, 3)(query)
    for task in range(3):
        means = torch.stack([support[task, labels[task] == way].mean(0) for way in range(3)])
        for i in range(4):
            torch.testing.assert_close(logits[task, i], -(query[task, i] - means).square().sum(1))


def test_the_augment_option_reaches_the_queries_and_not_the_images(gratings: Data, tiny_net: Any) -> None:
    still = ProtoCLR(tiny_net, ProtoCLRConfig(augment=Augmentation(translate=0.0, jitter=0.0)), gratings)
    image, *views = still.batches.draw(Source(gratings, 8, seed=0), 0)  # type: ignore[union-attr]
    for view in views:
        torch.testing.assert_close(view, image, atol=1e-5, rtol=1e-5)


def test_a_method_without_queries_is_refused() -> None:
    with pytest.raises(ValueError, match="queries must be at least 1"):
        ProtoCLRConfig(queries=0)
