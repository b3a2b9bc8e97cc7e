"""SupCon against a loop over eq. 2 in float64, gradients too; where its labels come from, and that it says so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_joint import SupConConfig
from harness_joint.supcon import LabelledViews, LabelledViewsBatch, SupCon, sup_con
from harness_simclr.method import nt_xent
from torch import Tensor

from harness import Data, Labelled, Source, Split, UsageError, Views


@pytest.fixture
def supcon(gratings: Data, tiny_net: Any) -> SupCon:
    return SupCon(tiny_net, SupConConfig(temperature=0.3, projection_dim=6), gratings)


def loop(z: Tensor, labels: list[int], temperature: float) -> Tensor:
    """Eq. 2 (L_out), one pair at a time; the mean over rows instead of their sum."""
    total = torch.zeros((), dtype=torch.float64)
    rows = range(len(z))
    for i in rows:
        weights = [((z[i] @ z[a]) / z[i].norm() / z[a].norm() / temperature).exp() for a in rows]
        everyone = sum(weights[a] for a in rows if a != i)
        positives = [p for p in rows if p != i and labels[p] == labels[i]]
        total = total - sum((weights[p] / everyone).log() for p in positives) / len(positives)
    return total / len(z)


def test_loss_and_gradient_equal_a_loop_over_pairs(supcon: SupCon) -> None:
    """Class 2 has one image, whose other view is its only positive."""
    supcon.double()
    labels = [0, 1, 0, 2, 0]
    views = torch.randn(2, 5, 1, 14, 14, dtype=torch.float64)
    expected = loop(supcon.projector(supcon.backbone(views.flatten(0, 1))), 2 * labels, 0.3)
    loss = supcon.loss(LabelledViewsBatch(views, torch.tensor(labels)))
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = list(supcon.parameters())
    for ours, reference in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_the_mean_over_positives_is_outside_of_the_logarithm() -> None:
    """L_in, with the mean inside, is smaller wherever positives differ (Jensen)."""
    z = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    logits = torch.nn.functional.normalize(z, dim=1) @ torch.nn.functional.normalize(z, dim=1).T / 0.5
    expected = [logits[i][[k for k in range(3) if k != i]] for i in range(3)]
    out = torch.stack([each.logsumexp(0) - each.mean() for each in expected]).mean()
    torch.testing.assert_close(sup_con(z, torch.zeros(3, dtype=torch.int64), 0.5), out)


def test_with_a_class_for_each_image_it_is_nt_xent() -> None:
    z = torch.randn(12, 4)
    torch.testing.assert_close(sup_con(z, torch.arange(6).repeat(2), 0.2), nt_xent(z, 0.2))


def test_a_batch_is_that_of_views_with_the_labels_of_its_samples(supcon: SupCon, gratings: Data) -> None:
    source = Source(gratings, 16, seed=3)
    assert isinstance(supcon.batches, LabelledViews)
    views, labels = supcon.batches.draw(source, 5)
    assert torch.equal(views, Views(2).draw(source, 5))
    assert torch.equal(labels, Labelled().draw(source, 5).labels)
    assert (supcon.batches.samples_per_step(source), supcon.batches.views_per_step(source)) == (16, 32)


def test_data_without_labels_are_refused(supcon: SupCon, gratings: Data) -> None:
    bare = Data.of({"train": Split(gratings.train.samples)}, gratings.modality, gratings.device)
    assert supcon.batches is not None
    with pytest.raises(UsageError):
        supcon.batches.check(Source(bare, 16, seed=0))


def test_it_says_that_it_learns_from_labels(supcon: SupCon) -> None:
    assert supcon.notes == ("it learned from the labels of the training split",)


def test_labels_decide_what_it_learns(supcon: SupCon, gratings: Data, gain: Any) -> None:
    gained, losses = gain(supcon, gratings, steps=80, lr=0.03)
    assert gained > 0.15
    assert losses[-1] < losses[0]
    assert supcon.batches is not None
    supcon.train()
    batch = supcon.batches.draw(Source(gratings, 64, seed=1), 0)
    assert supcon.loss(batch) < 0.9 * supcon.loss(batch._replace(labels=batch.labels.roll(1)))
