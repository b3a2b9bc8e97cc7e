"""Tasks at test time against a plain loop, written out layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_maml import MAMLConfig
from harness_maml.adaptation import adapted, descent
from harness_maml.maml import MAML
from torch import Tensor, nn

from harness import Split
from harness.testing.problem import image_data

LR, STEPS, WAYS = 0.5, 3, 3
DATA = image_data({"train": Split(torch.zeros(6, 1, 9, 9, dtype=torch.uint8), torch.arange(3).repeat(2), "abc")})


class Small(nn.Module):
    """(N, 1, 9, 9) -> (N, 4)."""

    feature_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, bias=False), nn.Conv2d(4, 4, 3, stride=2)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4)])

    def forward(self, images: Tensor) -> Tensor:
        maps = self.norms[0](self.first(images)).relu()
        return self.norms[1](self.second(maps)).relu().mean((2, 3))


def made(**options: Any) -> MAML:
    torch.manual_seed(0)
    config = MAMLConfig(ways=4, inner_lr=LR, test_steps=STEPS, **options)  # of four outputs, tasks use three
    method = MAML(Small(), config, DATA).double().eval()
    for norm in method.backbone.norms:  # type: ignore[union-attr]  # a module's attribute
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return method


def tasks() -> tuple[Tensor, Tensor, Tensor]:
    """Two tasks with six support samples and five queries."""
    draw = torch.Generator().manual_seed(1)
    support = torch.randn(2, 6, 1, 9, 9, generator=draw, dtype=torch.float64)
    query = torch.randn(2, 5, 1, 9, 9, generator=draw, dtype=torch.float64)
    return support, torch.tensor([[0, 0, 1, 1, 2, 2], [2, 1, 0, 0, 1, 2]]), query


def by_hand(method: MAML, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    """Logits (5, 3) of one task."""
    weights = {name: weight.detach().clone() for name, weight in method.named_parameters()}

    def normalised(maps: Tensor, number: int, size: int) -> Tensor:
        own = maps[:size].transpose(0, 1).flatten(1)
        shifted = (maps - own.mean(1).view(1, -1, 1, 1)) / (own.var(1, correction=0) + 1e-5).sqrt().view(1, -1, 1, 1)
        weight, bias = (weights[f"backbone.norms.{number}.{part}"].view(1, -1, 1, 1) for part in ("weight", "bias"))
        return (shifted * weight + bias).relu()

    def logits(images: Tensor, size: int) -> Tensor:
        maps = normalised(F.conv2d(images, weights["backbone.first.weight"]), 0, size)
        maps = F.conv2d(maps, weights["backbone.second.weight"], weights["backbone.second.bias"], stride=2)
        features = normalised(maps, 1, size).mean((2, 3))
        return (features @ weights["head.weight"].T + weights["head.bias"])[:, :WAYS]

    for _ in range(STEPS):
        weights = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        loss = -logits(support, len(support)).log_softmax(1)[range(len(labels)), labels].mean()
        slopes = torch.autograd.grad(loss, list(weights.values()))
        weights = {name: weight - LR * slope for (name, weight), slope in zip(weights.items(), slopes, strict=True)}
    if method.transductive:
        return logits(query, len(query)).detach()
    return logits(torch.cat([support, query]), len(support))[len(support) :].detach()


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("batch_norm", ["inductive", "transductive"])
@pytest.mark.parametrize("engine", ["learn2learn", "functional", "vmap"])
def test_logits_are_those_of_a_plain_loop(engine: str, batch_norm: str, threads: int) -> None:  # noqa: ARG001
    method = made(engine=engine, batch_norm=batch_norm)
    support, labels, query = tasks()
    expected = torch.stack([by_hand(method, *task) for task in zip(support, labels, query, strict=True)])
    with torch.no_grad():
        classify = method.adapt(support, labels, WAYS)
        torch.testing.assert_close(classify(query), expected)
        torch.testing.assert_close(classify(query), expected)  # queries change nothing
    begin = made(engine=engine, batch_norm=batch_norm, first_order=True)
    begin.config = MAMLConfig(ways=4, inner_lr=1e-9, test_steps=STEPS, engine=engine, batch_norm=batch_norm)
    begin.inner_loop.cache_clear()
    with torch.no_grad():
        assert (begin.adapt(support, labels, WAYS)(query) - expected).abs().max() > 0.1  # the steps matter


def test_the_weights_of_a_step_are_those_that_autocast_uses() -> None:
    """Autocast keeps the weights that it has cast; those move here. A network without norms, so that they show."""
    torch.manual_seed(0)
    network, support = nn.Linear(4, 3), torch.randn(1, 6, 4)
    labels, query = torch.arange(3).repeat(2)[None], torch.randn(1, 5, 4)

    def logits(steps: int) -> Tensor:
        classify = adapted(network, descent(0.5), steps, WAYS, support, labels, transductive=True)
        return classify(query).float()

    plain, begin = logits(8), logits(1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = logits(8)
    assert (plain - begin).abs().max() > 0.3
    torch.testing.assert_close(rounded, plain, rtol=0, atol=0.05)
