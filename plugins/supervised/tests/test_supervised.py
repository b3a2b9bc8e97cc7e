"""Loss and gradient against their closed forms; that it learns."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from harness_supervised import Config
from harness_supervised.method import Supervised

from harness import Data, LabelledBatch
from harness.learning.data.batches import Source


def test_loss_and_gradient_have_their_closed_forms(gratings: Data, tiny_net: Any) -> None:
    method = Supervised(tiny_net, Config(), gratings).eval()
    batch = LabelledBatch(torch.randn(8, 1, 14, 14), torch.randint(6, (8,)))
    scalars = method.loss(batch)
    scalars["loss"].backward()

    features = tiny_net(batch.inputs)
    shares = (features @ method.classifier.weight.T + method.classifier.bias).softmax(1)
    expected = -torch.stack([shares[i, label].log() for i, label in enumerate(batch.labels.tolist())]).mean()
    excess = (shares - F.one_hot(batch.labels, 6)) / 8
    torch.testing.assert_close(scalars["loss"], expected)
    torch.testing.assert_close(method.classifier.weight.grad, excess.T @ features)
    torch.testing.assert_close(method.classifier.bias.grad, excess.sum(0))
    assert all(weight.grad is not None and weight.grad.any() for weight in tiny_net.parameters())
    assert scalars["accuracy"] == (shares.argmax(1) == batch.labels).float().mean()


def test_images_come_with_their_own_labels(gratings: Data, tiny_net: Any) -> None:
    source = Source(gratings, 16, seed=1)
    batch = Supervised(tiny_net, Config(), gratings).batches.draw(source, 0)
    assert torch.equal(batch.labels, gratings.train.labels[source.indices(0)])


def test_every_training_class_has_a_logit(gratings: Data, tiny_net: Any) -> None:
    assert Supervised(tiny_net, Config(), gratings).classifier.out_features == len(gratings.train.classes)


def test_loss_is_float32_under_autocast(gratings: Data, tiny_net: Any) -> None:
    method = Supervised(tiny_net, Config(), gratings)
    with torch.autocast("cpu", torch.bfloat16):
        assert (
            method.loss(LabelledBatch(torch.randn(8, 1, 14, 14), torch.zeros(8).long()))["loss"].dtype == torch.float32
        )
