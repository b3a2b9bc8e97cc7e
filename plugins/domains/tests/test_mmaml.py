"""MMAML: MAML where nothing is modulated; FiLM by hand; its gradient by finite differences; that tasks differ."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_domains import MMAMLConfig
from harness_domains.mmaml import MMAML
from harness_maml import MAMLConfig
from harness_maml.maml import MAML
from torch import nn

from harness import Data, EpisodeBatch, NoOptions, UsageError
from harness.learning.data.batches import Source
from harness.testing.problem import SmallNet

OPTIONS = {"ways": 3, "shots": 2, "queries": 3, "tasks": 2, "inner_lr": 0.3, "inner_steps": 2}


def made(data: Data, seed: int = 0, **options: Any) -> MMAML:
    torch.manual_seed(seed)
    return MMAML(SmallNet(NoOptions(), (1, 14, 14)), MMAMLConfig(**{**OPTIONS, **options}), data)


def modulating(method: MMAML, scale: float = 0.3) -> MMAML:
    """With a modulator that does modulate."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in method.modulator[-1].parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return method


def batch(data: Data, step: int = 0) -> EpisodeBatch:
    drawn = made(data).batches.draw(Source(data, 1, 0), step)  # type: ignore[union-attr]
    return EpisodeBatch(*(part.double() if part.is_floating_point() else part for part in drawn))


def test_a_new_one_is_maml(gratings: Data) -> None:
    """The loss, its gradient, and what an episode is classified as."""
    method = made(gratings).double()
    maml = MAML(method.backbone, MAMLConfig(**OPTIONS, engine="functional"), gratings).double()  # type: ignore[arg-type]
    maml.head.load_state_dict(method.head.state_dict())
    drawn = batch(gratings)
    losses = [each.loss(drawn)["loss"] for each in (method, maml)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-9)
    shared = list(method.backbone.parameters())
    found, expected = (torch.autograd.grad(loss, shared) for loss in losses)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    logits = [each.eval().adapt(drawn.support, drawn.support_labels, 3)(drawn.query) for each in (method, maml)]
    torch.testing.assert_close(*logits)


def test_modulation_is_a_scale_and_a_shift_after_each_batch_norm(gratings: Data) -> None:
    method = modulating(made(gratings)).double().train()
    support = batch(gratings).support[0]
    inner = method.inner_loop(3, len(support), True)
    film = method.modulation(support)
    assert len(film) == sum(type(module) is nn.BatchNorm2d for module in method.backbone.modules())
    found = inner.logits(method.modulated(dict(method.network.named_parameters()), film), support)

    def after(scale: torch.Tensor, shift: torch.Tensor) -> Any:
        return lambda _, __, out: out * scale[:, None, None] + shift[:, None, None]

    modules = dict(method.network.named_modules())
    hooks = [modules[name].register_forward_hook(after(*parts)) for name, parts in film.items()]
    expected = method.network(support)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, method.network(support))


def test_the_gradient_is_that_of_finite_differences(gratings: Data) -> None:
    """In float64, in the direction of random changes of the network, of the encoder and of the modulator."""
    method, drawn = modulating(made(gratings)).double().train(), batch(gratings)
    for part in (method.backbone, method.encoder, method.modulator, method.head):
        weights = list(part.parameters())
        slopes = torch.autograd.grad(method.loss(drawn)["loss"], weights)
        generator = torch.Generator().manual_seed(2)
        steps = [torch.randn(each.shape, generator=generator, dtype=torch.float64) for each in weights]
        along = sum((slope * step).sum() for slope, step in zip(slopes, steps, strict=True))

        def moved(by: float, weights: list[Any] = weights, steps: list[Any] = steps) -> float:
            with torch.no_grad():
                for weight, step in zip(weights, steps, strict=True):
                    weight.add_(step, alpha=by)
            value = method.loss(drawn)["loss"].item()
            with torch.no_grad():
                for weight, step in zip(weights, steps, strict=True):
                    weight.sub_(step, alpha=by)
            return value

        small = 1e-8  # within it no ReLU switches
        assert (moved(small) - moved(-small)) / (2 * small) == pytest.approx(float(along), rel=1e-5)
        assert abs(float(along)) > 0.01


def test_first_order_leaves_out_second_derivatives_only(gratings: Data) -> None:
    drawn = batch(gratings)
    whole, first = (modulating(made(gratings, first_order=order)).double() for order in (False, True))
    losses = [each.loss(drawn)["loss"] for each in (whole, first)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-9)
    slopes = [
        torch.autograd.grad(loss, list(each.parameters()), allow_unused=True)
        for loss, each in zip(losses, (whole, first), strict=True)
    ]
    assert any(not torch.allclose(one, other) for one, other in zip(*slopes, strict=True) if one is not None)


def test_a_backbone_without_batch_norm_is_refused(gratings: Data) -> None:
    class Plain(nn.Module):
        feature_dim = 4

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(14 * 14, 4)

    with pytest.raises(UsageError, match="mmaml modulates what follows a batch norm"):
        MMAML(Plain(), MMAMLConfig(**OPTIONS), gratings)


def test_training_uses_the_modulation(gratings: Data, fit: Any) -> None:
    """It begins as MAML; after some steps, two tasks are modulated in different ways."""
    method = made(gratings)
    losses = fit(method, gratings, steps=25, lr=0.05)
    assert sum(losses[-5:]) < sum(losses[:5])
    drawn = method.batches.draw(Source(gratings, 1, 0), 99)  # type: ignore[union-attr]
    one, other = (torch.cat([part for pair in method.modulation(each).values() for part in pair]) for each in drawn[0])
    assert (one - other).abs().max() > 1e-4


def test_tasks_on_threads_have_the_gradient_of_tasks_in_turn(gratings: Data, on_threads: Any) -> None:
    method = modulating(made(gratings)).double().train()
    for one, other in on_threads(method, batch(gratings)):
        torch.testing.assert_close(one, other)


def test_bfloat16_training_gives_a_gradient_of_every_weight(gratings: Data) -> None:
    method = modulating(made(gratings)).train()
    drawn = EpisodeBatch(*(part.float() if part.is_floating_point() else part for part in batch(gratings)))
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(drawn)["loss"]
    for slope in torch.autograd.grad(loss, list(method.parameters())):
        assert slope.isfinite().all()
        assert slope.abs().max() > 0
