"""UMTRA's tasks, how often they clash, and that what learns them is MAML, each with a batch norm of its own."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_pseudotasks import UMTRAConfig
from harness_pseudotasks.clashes import clashes, probability_of_clash
from harness_pseudotasks.umtra import UMTRA, RandomTasks
from torch import Tensor, nn

import harness
from harness import Data, EpisodeBatch, Split, UsageError, Views
from harness.learning.data.batches import Source
from tests import warm


def source(data: Data, **changes: Any) -> Source:
    return replace(Source(data, 7, seed=3), **changes)  # the batch size of the budget has no part


def test_a_task_is_random_images_and_views_of_them(gratings: Data) -> None:
    batch = RandomTasks(ways=5, shots=2, queries=3, tasks=4).draw(source(gratings), 1)
    assert [tuple(part.shape[:2]) for part in batch] == [(4, 10), (4, 10), (4, 15), (4, 15)]
    drawn = replace(source(gratings), batch_size=20)
    assert len(drawn.indices(1).unique()) == 20
    views = Views(5, plain=1).draw(drawn, 1)
    assert torch.equal(views[0], gratings.inputs(drawn.samples(1)))
    for task, way in itertools.product(range(4), range(5)):
        support = batch.support[task, batch.support_labels[task] == way]
        query = batch.query[task, batch.query_labels[task] == way]
        assert torch.equal(torch.cat([support, query]), views[:, 5 * task + way])


def test_two_devices_have_the_tasks_of_one(gratings: Data) -> None:
    tasks = RandomTasks(ways=3, shots=1, queries=2, tasks=4)
    for step in (0, 5):
        whole = tasks.draw(source(gratings), step)
        parts = [tasks.draw(source(gratings, rank=rank, ranks=2), step) for rank in (0, 1)]
        for expected, *found in zip(whole, *parts, strict=True):
            torch.testing.assert_close(torch.cat(found), expected, atol=1e-6, rtol=0)


def test_tasks_that_cannot_be_drawn_are_refused(gratings: Data) -> None:
    with pytest.raises(UsageError, match="300 tasks of 5 random samples need 1500; the split 'train' has 1024"):
        RandomTasks(5, 1, 1, 300).check(source(gratings))
    with pytest.raises(UsageError, match="3 tasks cannot be divided evenly over 2 devices"):
        RandomTasks(5, 1, 1, 3).check(source(gratings, ranks=2))
    RandomTasks(5, 1, 1, 4).check(source(gratings, ranks=2))


@pytest.mark.parametrize(
    ("sizes", "number"), [([2, 3, 1, 4], 3), ([1, 1, 1], 2), ([5], 2), ([3, 3], 3), ([2, 2, 2], 1)]
)
def test_the_probability_of_a_clash_is_that_of_all_draws(sizes: list[int], number: int) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    draws = list(itertools.combinations(labels, number))
    expected = sum(len(set(draw)) < number for draw in draws) / len(draws)
    assert probability_of_clash(sizes, number) == pytest.approx(expected, abs=1e-12)


def test_the_probability_of_a_clash_is_eq_1_of_the_paper_for_classes_of_one_size() -> None:
    """CIFAR-10 and Omniglot, whose classes are of one size: 70 % and .8 %."""
    for classes, size, said in ((10, 5000, 0.698), (1200, 20, 0.0079)):
        drawn = math.prod((classes - k) * size / (classes * size - k) for k in range(5))
        assert probability_of_clash([size] * classes, 5) == pytest.approx(1 - drawn)
        assert 1 - drawn == pytest.approx(said, abs=5e-4)


def test_without_labels_nothing_is_said_of_clashes(gratings: Data) -> None:
    assert clashes(Split(gratings.train.samples), 5) == ()


def umtra(data: Data, net: nn.Module, **options: Any) -> UMTRA:
    torch.manual_seed(0)
    return UMTRA(net, UMTRAConfig(**{"ways": 3, "tasks": 2, "inner_lr": 0.3, **options}), data).double().train()


def drawn(method: UMTRA, data: Data) -> EpisodeBatch:
    assert isinstance(method.batches, RandomTasks)
    support, labels, query, targets = method.batches.draw(source(data), 0)
    return EpisodeBatch(support.double(), labels, query.double(), targets)


def plain(method: UMTRA, support: Tensor, query: Tensor) -> Tensor:
    """One task, by hand: a gradient step of all weights on the images, then the loss of their views; what normalises
    both are the mean and the variance of the images."""
    layers = dict(method.backbone.named_parameters())
    names, weights = [*layers, "weight", "bias"], [*layers.values(), method.head.weight, method.head.bias]
    norms = {name: module for name, module in method.backbone.named_modules() if isinstance(module, nn.BatchNorm2d)}
    convolutions = {n: module for n, module in method.backbone.named_modules() if isinstance(module, nn.Conv2d)}

    def logits(values: list[Tensor], images: Tensor) -> Tensor:
        now = dict(zip(names, values, strict=True))
        x = torch.cat([support, images])
        for name, module in method.backbone.named_modules():
            if name in convolutions:
                x = F.conv2d(x, now[f"{name}.weight"], None, module.stride, module.padding)  # type: ignore[arg-type]
            elif name in norms:
                known = x[: len(support)]
                mean = known.mean((0, 2, 3), keepdim=True)
                variance = (known - mean).square().mean((0, 2, 3), keepdim=True)
                weight, bias = (now[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
                x = (x - mean) / (variance + 1e-5).sqrt() * weight + bias
            elif not list(module.children()):
                x = module(x)
        return x.mean((2, 3))[len(support) :] @ now["weight"].T + now["bias"]

    targets = torch.arange(len(support))
    slopes = torch.autograd.grad(F.cross_entropy(logits(weights, support), targets), weights, create_graph=True)
    moved = [weight - method.config.inner_lr * slope for weight, slope in zip(weights, slopes, strict=True)]
    return F.cross_entropy(logits(moved, query), targets)


@pytest.mark.parametrize("engine", ["learn2learn", "functional", "vmap"])
def test_the_loss_is_that_of_a_loop_in_which_each_task_has_its_own_batch_norm(
    engine: str, gratings: Data, tiny_net: Any
) -> None:
    method = umtra(gratings, tiny_net, engine=engine)
    batch = drawn(method, gratings)
    found = method.loss(batch)["loss"]
    tasks = [plain(method, support, query) for support, query in zip(batch.support, batch.query, strict=True)]
    torch.testing.assert_close(found, torch.stack(tasks).mean())
    weights = list(method.parameters())
    for one, other in zip(*(torch.autograd.grad(each, weights) for each in (found, sum(tasks) / 2)), strict=True):
        torch.testing.assert_close(one, other)


def test_transductive_queries_normalise_each_other_and_the_method_says_so(gratings: Data, tiny_net: Any) -> None:
    method = umtra(gratings, tiny_net, batch_norm="transductive")
    batch = drawn(method, gratings)
    tasks = torch.stack(
        [plain(method, support, query) for support, query in zip(batch.support, batch.query, strict=True)]
    )
    assert method.transductive
    assert (method.loss(batch)["loss"] - tasks.mean()).abs() > 1e-4


def test_it_is_scored_by_the_inner_loop_and_on_no_more_classes_than_it_learned(gratings: Data, tiny_net: Any) -> None:
    method = umtra(gratings, tiny_net, test_steps=1).eval()
    assert method.adapts_on == "inputs"
    batch = drawn(method, gratings)
    with torch.no_grad():
        logits = method.adapt(batch.support, batch.support_labels, 3)(batch.query)
    loss = F.cross_entropy(logits.flatten(0, 1), batch.query_labels.flatten())
    torch.testing.assert_close(loss, method.train().loss(batch)["loss"].detach())
    with pytest.raises(UsageError, match="umtra learns tasks of 3 classes"):
        method.check_ways(5)


SUITE = """
name: clash
matrix: {method: [{use: umtra, tasks: 1}], backbone: [{use: conv4, width: 4}], dataset: [digits], seed: [0]}
budget: {steps: 1}
evaluators: {knn: {k: 5}}
"""


class Warned(harness.Display):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        self.lines.append(text)


def test_a_user_sees_how_often_tasks_clash(tmp_path: Path) -> None:
    """Before it trains, in the record and below the table."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    display, results = Warned(), tmp_path / "results"
    harness.run(tmp_path / "suite.yaml", results=results, device="cpu", workers=1, display=display)
    said = "of its 5-way tasks of random samples, 70 % have two samples of one true class"
    assert [line.partition(": ")[2] for line in display.lines] == [f"umtra (tasks=1) on digits: {said}."]
    [training] = results.glob("cells/*/training.json")
    assert json.loads(training.read_text())["notes"] == [said]
    shown = warm.run(["leaderboard", results, "--format", "markdown"], tmp_path).stdout
    assert f"- umtra (tasks=1): {said}." in shown
