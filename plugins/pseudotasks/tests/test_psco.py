"""PsCo against plain loops in float64: the assignment, the loss, what batch norm sees, the queue; that it learns."""

from __future__ import annotations

import itertools
import math
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from harness_joint.parts import sinkhorn
from harness_pseudotasks import PsCoConfig
from harness_pseudotasks.psco import ENTROPY, ROUNDS, PsCo, assigned, task_loss
from torch import Tensor

from harness import Data, UsageError
from harness.learning.data.batches import Source


def unit(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def plan(similarities: Tensor, rounds: int) -> list[list[float]]:
    """Cuturi 2013, algorithm 1, as scalings of exp(s / e): of the columns, then of the rows, in each round."""
    rows, columns = similarities.shape
    kernel = [[math.exp(float(each) / 0.05) for each in row] for row in similarities]
    left, right = [1.0] * rows, [1.0] * columns
    for _ in range(rounds):
        right = [1 / columns / sum(left[i] * kernel[i][j] for i in range(rows)) for j in range(columns)]
        left = [1 / rows / sum(kernel[i][j] * right[j] for j in range(columns)) for i in range(rows)]
    return [[left[i] * kernel[i][j] * right[j] for j in range(columns)] for i in range(rows)]


def test_the_assignment_is_that_of_a_loop_and_shares_the_queue_out() -> None:
    keys, queue = unit(4, 5), unit(10, 5, seed=1)
    found = sinkhorn(keys @ queue.T, ENTROPY, ROUNDS)
    expected = plan(keys @ queue.T, rounds=3)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(found.sum(1), torch.full((4,), 0.25, dtype=torch.float64))
    for i, row in enumerate(assigned(keys, queue, 3)):
        assert row.tolist() == sorted(range(10), key=lambda j: -expected[i][j])[:3]


def test_keys_that_are_alike_do_not_all_have_the_same_shots() -> None:
    """Nearest neighbours would be the first two rows of the queue for each of them."""
    keys = F.normalize(torch.tensor([[1.0, 0.0, 0.02], [1.0, 0.02, 0.0], [1.0, -0.02, 0.0]]), dim=1)
    queue = F.normalize(
        torch.tensor([[1.0, 0, 0], [1, 0.01, 0], [1, -0.3, 0.3], [1, 0.3, -0.3], [1, -0.3, -0.3]]), dim=1
    )
    nearest = (keys @ queue.T).topk(2, dim=1).indices
    assert nearest.unique().tolist() == [0, 1]
    assert len(assigned(keys, queue, 2).unique()) > 2


def loop(queries: Tensor, own: Tensor, temperature: float) -> float:
    """Supervised contrast (Khosla et al. 2020, eq. 2), a pair at a time: the shots of one's own among those of all."""
    total = 0.0
    for query, shots in zip(queries, own, strict=True):
        every = sum(math.exp(float(query @ shot) / temperature) for shot in own.flatten(0, 1))
        total -= sum(math.log(math.exp(float(query @ shot) / temperature) / every) for shot in shots) / len(shots)
    return total / len(queries)


@pytest.mark.parametrize(("shots", "temperature"), list(itertools.product([1, 3], [0.2, 1.0])))
def test_the_loss_of_a_task_is_that_of_a_loop(shots: int, temperature: float) -> None:
    queries, own = unit(5, 6), unit(5, shots, 6, seed=1)
    found = task_loss(queries, own, own.flatten(0, 1), temperature)
    assert float(found) == pytest.approx(loop(queries, own, temperature), rel=1e-9)


@pytest.fixture
def psco(gratings: Data, tiny_net: Any) -> PsCo:
    return PsCo(
        tiny_net, PsCoConfig(queue_size=24, projection_dim=8, hidden_dim=16, shots=2, temperature=0.3), gratings
    )


def test_queries_and_keys_pass_apart_and_the_task_is_made_of_earlier_batches(psco: PsCo, gratings: Data) -> None:
    source = Source(gratings, 10, 0)
    for step in range(3):  # the queue then has keys of images, not of chance alone
        psco.loss(psco.batches.draw(source, step))  # type: ignore[union-attr]
        psco.after_step(step, 10)
    psco.train().double()
    before = psco.queue.clone()
    views = psco.batches.draw(source, 3).double()  # type: ignore[union-attr]
    with mock.patch.object(Tensor, "float", Tensor.double):
        found = {name: value.item() for name, value in psco.loss(views).items()}
    with torch.no_grad():
        queries = F.normalize(psco.predictor(psco.head(psco.backbone(views[0]))), dim=1)
        keys = F.normalize(psco.key_network(views[1]), dim=1)
    weights = torch.tensor(plan(keys @ before.T, rounds=3))
    task = loop(queries, before[weights.topk(2, dim=1).indices], temperature=1.0)
    contrast = 0.0
    for query, key in zip(queries, keys, strict=True):
        scores = [math.exp(float(query @ each) / 0.3) for each in (key, *before)]
        contrast -= math.log(scores[0] / sum(scores)) / len(queries)
    assert found == pytest.approx({"loss": task + contrast, "task": task, "contrast": contrast}, rel=1e-9)
    assert torch.equal(psco.queue, before)  # its own keys join it after the step
    psco.after_step(3, 10)
    torch.testing.assert_close(psco.queue[6:16], keys)  # 30 keys in 24 places


def test_the_key_network_has_a_projector_no_predictor_and_no_gradient(psco: PsCo, gratings: Data) -> None:
    followed = [*psco.backbone.parameters(), *psco.head.parameters()]
    for key, query in zip(psco.key_network.parameters(), followed, strict=True):
        assert torch.equal(key, query)
    psco.loss(psco.batches.draw(Source(gratings, 8, 0), 0))["loss"].backward()  # type: ignore[union-attr]
    assert all(weight.grad is None for weight in psco.key_network.parameters())
    assert all(weight.grad is not None for weight in (*followed, *psco.predictor.parameters()))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shots": 0}, "shots must be between 1 and queue_size, 4096, not 0"),
        ({"shots": 9, "queue_size": 8}, "shots must be between 1 and queue_size, 8, not 9"),
        ({"task_temperature": 0.0}, "task_temperature must be positive, not 0.0"),
        ({"queue_size": 0}, "queue_size must be at least 1, not 0"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PsCoConfig(**wrong)


def test_a_queue_that_holds_every_image_is_refused_by_its_name(gratings: Data, tiny_net: Any) -> None:
    with pytest.raises(UsageError, match="psco's queue_size is 1024, but there are only 1024 training samples"):
        PsCo(tiny_net, PsCoConfig(queue_size=1024), gratings)
