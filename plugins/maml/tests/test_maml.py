"""MAML against finite differences and learn2learn's own loop, what batch norm may see, and that it learns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import learn2learn
import pytest
import torch
import torch.nn.functional as F
from harness_maml import ANILConfig, MAMLConfig
from harness_maml.anil import ANIL
from harness_maml.learner import MetaLearner
from harness_maml.maml import MAML
from harness_maml.norm import TaskNorm
from harness_maml.threads import in_threads
from torch import Tensor, nn

from harness import Data, EpisodeBatch, Episodes, Split, UsageError, draw_episodes
from harness.learning.data.batches import Source, gather_episodes
from harness.testing.problem import image_data

BATCH_NORMS = ("inductive", "transductive")
ENGINES = ("learn2learn", "functional", "vmap")


class Small(nn.Module):
    """Two convolutions with batch norm; smooth, so that finite differences exist."""

    feature_dim = 4

    def __init__(self, channels: int = 4, activation: nn.Module | None = None) -> None:
        super().__init__()
        act = activation or nn.Softplus()
        first = [nn.Conv2d(1, channels, 3, bias=False), nn.BatchNorm2d(channels), act]
        second = [nn.Conv2d(channels, channels, 3, bias=False), nn.BatchNorm2d(channels), act]
        self.layers = nn.Sequential(*first, *second, nn.AdaptiveAvgPool2d(1))
        self.feature_dim = channels

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).flatten(1)


def patterns(classes: int = 24, per_class: int = 12) -> Data:
    """Every class is a 3x3 texture that tiles a noisy 9x9 picture from a random phase; the last third is `novel`."""
    generator = torch.Generator().manual_seed(0)
    textures = torch.randint(200, (classes, 3, 3), generator=generator)
    labels = torch.arange(classes).repeat_interleave(per_class)
    images = torch.randint(50, (len(labels), 1, 9, 9), generator=generator)
    for image, label in zip(images, labels, strict=True):
        phase = torch.randint(3, (2,), generator=generator).tolist()
        image.add_(textures[label].roll(phase, (0, 1)).repeat(3, 3))
    known = labels < classes * 2 // 3
    names = tuple(map(str, range(classes)))
    splits = {
        "train": Split(images[known].to(torch.uint8), labels[known], names),
        "novel": Split(images[~known].to(torch.uint8), labels[~known], names),
    }
    return image_data(splits)


DATA = patterns()


def maml(**options: Any) -> MAML:
    torch.manual_seed(0)
    return MAML(Small(), MAMLConfig(**{"ways": 3, "queries": 4, "tasks": 2, "inner_lr": 0.3} | options), DATA).double()


def anil(**options: Any) -> ANIL:
    torch.manual_seed(0)
    return ANIL(Small(), ANILConfig(**{"ways": 3, "queries": 4, "tasks": 2, "inner_lr": 0.3} | options), DATA).double()


def draw(config: ANILConfig) -> EpisodeBatch:
    batch = Episodes(config.ways, config.shots, config.queries, config.tasks).draw(Source(DATA, 1, 0), 0)
    return EpisodeBatch(batch.support.double(), batch.support_labels, batch.query.double(), batch.query_labels)


def gradient(method: MetaLearner, loss: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(method.parameters()))])


def assert_finite_differences(method: MetaLearner, step: float = 1e-5) -> None:
    """The slope of the loss along 12 random directions of all weights is the gradient's."""
    batch, parameters = draw(method.config), list(method.parameters())
    start = nn.utils.parameters_to_vector(parameters).detach()
    slopes = gradient(method, method.loss(batch)["loss"])
    for direction in torch.randn(12, len(start), generator=torch.Generator().manual_seed(0), dtype=torch.float64):
        ends = []
        for sign in (1, -1):
            nn.utils.vector_to_parameters(start + sign * step * direction, parameters)
            ends.append(method.loss(batch)["loss"].item())
        nn.utils.vector_to_parameters(start, parameters)
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx((slopes @ direction).item(), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("inner_steps", [1, 2])
def test_meta_gradient_agrees_with_finite_differences(engine: str, batch_norm: str, inner_steps: int) -> None:
    """Also for vmap, where gradients through a batch norm go wrong silently if taken in the other order."""
    method = maml(engine=engine, batch_norm=batch_norm, inner_steps=inner_steps)
    assert_finite_differences(method)


def test_threads_change_no_bit_of_a_task_and_chance_keeps_to_one() -> None:
    tasks = [torch.randn(6, 6) for _ in range(5)]
    network = nn.Linear(1, 1)
    expected = [task @ task for task in tasks]
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found = in_threads(lambda task: (task @ task, threading.current_thread()), tasks, network)
        assert all(torch.equal(one, other) for one, (other, _) in zip(expected, found, strict=True))
        assert (threads == 1) == all(thread is threading.current_thread() for _, thread in found)
    found = in_threads(lambda task: (task, threading.current_thread()), tasks, nn.Dropout())
    assert all(thread is threading.current_thread() for _, thread in found)
    torch.set_num_threads(1)


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_engines_agree_in_float64(
    engine: str, batch_norm: str, first_order: bool, threads: int, with_threads: Callable[[int], None]
) -> None:
    """Loss, accuracy and every gradient, and the logits of an evaluation."""
    with_threads(threads)
    options = {"batch_norm": batch_norm, "first_order": first_order, "inner_steps": 2, "tasks": 3}
    theirs, ours = maml(engine="learn2learn", **options), maml(engine=engine, **options)
    batch = draw(theirs.config)
    expected, found = theirs.loss(batch), ours.loss(batch)
    torch.testing.assert_close(found["loss"], expected["loss"])
    assert found["accuracy"] == pytest.approx(float(expected["accuracy"]))
    torch.testing.assert_close(gradient(ours, found["loss"]), gradient(theirs, expected["loss"]))
    logits = []
    for method in (theirs.eval(), ours.eval()):
        with torch.no_grad():
            logits.append(method.adapt(batch.support, batch.support_labels, 3)(batch.query))
    torch.testing.assert_close(*logits)


def test_anil_meta_gradient_agrees_with_finite_differences() -> None:
    method = anil(inner_steps=2)
    assert_finite_differences(method)


def plain_loop(method: MAML, batch: EpisodeBatch, first_order: bool) -> Tensor:
    """learn2learn as its examples use it, with batch norms that track nothing."""
    network = nn.Sequential(method.backbone, method.head)
    learner = learn2learn.algorithms.MAML(network, lr=method.config.inner_lr, first_order=first_order)
    losses = []
    for support, labels, query, targets in zip(*batch, strict=True):
        clone = learner.clone()
        for _ in range(method.config.inner_steps):
            clone.adapt(F.cross_entropy(clone(support), labels))
        losses.append(F.cross_entropy(clone(query), targets))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("first_order", [False, True])
def test_transductive_maml_equals_learn2learns_own_loop(first_order: bool) -> None:
    method = maml(batch_norm="transductive", first_order=first_order, inner_steps=2)
    batch = draw(method.config)
    ours = method.loss(batch)["loss"]
    theirs = plain_loop(method, batch, first_order)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient(method, ours), gradient(method, theirs))


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_first_order_has_the_same_loss_and_another_gradient(batch_norm: str) -> None:
    losses, gradients = [], []
    for first_order in (False, True):
        method = maml(batch_norm=batch_norm, first_order=first_order)
        losses.append(method.loss(draw(method.config))["loss"])
        gradients.append(gradient(method, losses[-1]))
    torch.testing.assert_close(*losses)
    assert (gradients[0] - gradients[1]).norm() > 0.01 * gradients[0].norm()


@pytest.mark.parametrize("gradient", [True, False])  # statistics have another kernel without
@pytest.mark.parametrize("affine", [True, False])
def test_task_norm_is_batch_norm_with_the_statistics_of_the_first_samples(affine: bool, gradient: bool) -> None:
    norm = nn.BatchNorm2d(3, momentum=1.0, affine=affine).double()
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    inputs = torch.randn(7, 3, 5, 4, dtype=torch.float64)
    with torch.set_grad_enabled(gradient):
        outputs = TaskNorm(norm, 4)(inputs)
    torch.testing.assert_close(outputs[:4], norm(inputs[:4]))
    assert norm.running_var is not None
    norm.running_var *= 79 / 80  # torch keeps the unbiased variance of 4 * 5 * 4 values
    torch.testing.assert_close(outputs[4:], norm.eval()(inputs[4:]))


def other_queries_matter(method: MAML) -> bool:
    """Whether the prediction of an episode's first query changes with the other queries."""
    batch = draw(method.config)
    method.eval()
    with torch.no_grad():
        classify = method.adapt(batch.support, batch.support_labels, 3)
        changed = torch.cat([batch.query[:, :1], 3 * batch.query[:, 1:]], 1)
        return not torch.allclose(classify(batch.query)[:, 0], classify(changed)[:, 0])


def test_inductive_predictions_do_not_depend_on_other_queries_and_transductive_do() -> None:
    inductive, transductive = maml(), maml(batch_norm="transductive")
    assert not other_queries_matter(inductive)
    assert other_queries_matter(transductive)
    assert not inductive.transductive
    assert transductive.transductive


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("training", [True, False])
def test_adaptation_writes_nothing(engine: str, batch_norm: str, training: bool) -> None:
    method = maml(engine=engine, batch_norm=batch_norm).train(training)
    batch = draw(method.config)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    with torch.no_grad():
        logits = method.adapt(batch.support, batch.support_labels, 3)(batch.query)
    assert logits.shape == (2, 12, 3)
    assert method.training is training
    assert {type(module) for module in method.modules()} >= {nn.BatchNorm2d}
    for name, value in method.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("make", [maml, anil])
def test_adaptation_is_the_inner_loop_of_training(make: Any) -> None:
    """With as many steps as in training, `adapt` under no_grad classifies as the loss does."""
    method = make(inner_steps=2, test_steps=2)
    batch = draw(method.config)
    expected = method.loss(batch)["loss"]
    support, query = batch.support, batch.query
    if method.adapts_on == "features":
        images = torch.cat([support, query], 1)
        features = method.backbone(images.flatten(0, 1)).unflatten(0, (2, -1)).detach()
        support, query = features.split([3, 12], 1)
    with torch.no_grad():
        logits = method.eval().adapt(support, batch.support_labels, 3)(query)
    torch.testing.assert_close(F.cross_entropy(logits.flatten(0, 1), batch.query_labels.flatten()), expected)


def test_anil_equals_learn2learns_loop_on_the_head() -> None:
    method = anil(inner_steps=2)
    batch = draw(method.config)
    images = torch.cat([batch.support, batch.query], 1)
    features = method.backbone(images.flatten(0, 1)).unflatten(0, (2, -1))
    learner = learn2learn.algorithms.MAML(method.head, lr=method.config.inner_lr)
    losses = []
    for task, labels, targets in zip(features, batch.support_labels, batch.query_labels, strict=True):
        clone = learner.clone()
        for _ in range(2):
            clone.adapt(F.cross_entropy(clone(task[:3]), labels))
        losses.append(F.cross_entropy(clone(task[3:]), targets))
    theirs = torch.stack(losses).mean()
    ours = method.loss(batch)["loss"]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient(method, ours), gradient(method, theirs))


def test_training_keeps_running_statistics_of_the_initialisation() -> None:
    """They come from the support images under the parent's weights, whatever the inner loop does."""
    method = maml(inner_lr=50.0)
    batch = draw(method.config)
    twin = Small().double()
    twin.load_state_dict(method.backbone.state_dict())
    method.loss(batch)
    twin(batch.support.flatten(0, 1))
    for name, value in twin.named_buffers():
        torch.testing.assert_close(method.backbone.get_buffer(name), value)


@pytest.mark.parametrize("make", [maml, anil])
def test_fewer_ways_use_the_first_outputs_and_more_are_refused(make: Any) -> None:
    method = make().eval()
    method.check_ways(2)
    with pytest.raises(UsageError, match="set its option 'ways' to 4 or more"):
        method.check_ways(4)
    shape = (4,) if method.adapts_on == "features" else (1, 9, 9)
    support, query = torch.randn(2, 2, *shape).double(), torch.randn(2, 5, *shape).double()
    with torch.no_grad():
        logits = method.adapt(support, torch.tensor([[0, 1], [1, 0]]), 2)(query)
    assert logits.shape == (2, 5, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_bfloat16_training_gives_a_finite_gradient(engine: str) -> None:
    method = maml(engine=engine).float()
    batch = EpisodeBatch(*(part.float() if part.is_floating_point() else part for part in draw(method.config)))
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(batch)["loss"]
    assert gradient(method, loss).isfinite().all()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (MAML, MAMLConfig(ways=5, queries=5, inner_lr=0.3, batch_norm="inductive")),
        (MAML, MAMLConfig(ways=5, queries=5, inner_lr=0.3, batch_norm="transductive")),
        (MAML, MAMLConfig(ways=5, queries=5, inner_lr=0.3, engine="vmap")),
        (ANIL, ANILConfig(ways=5, queries=5, inner_lr=0.3)),
    ],
)
def test_training_improves_few_shot_accuracy_on_novel_classes(kind: type[MetaLearner], config: ANILConfig) -> None:
    """5-way 1-shot, chance .2: at least .12 above what the same adaptation reaches from random weights."""
    data = patterns(60, 20)
    torch.manual_seed(0)
    method = kind(Small(8, nn.ReLU()), config, data)
    source, optimizer = Source(data, 1, 0), torch.optim.Adam(method.parameters(), lr=1e-2)
    split = data.split("novel")
    drawn = draw_episodes(split.by_class, 5, 1, 15, 60, torch.Generator().manual_seed(0))
    support, labels, query, targets = gather_episodes(data, split.samples, drawn)

    @torch.no_grad()
    def accuracy() -> float:
        method.eval()
        parts = [support, query]
        if method.adapts_on == "features":
            parts = [method.encode(part.flatten(0, 1)).unflatten(0, part.shape[:2]) for part in parts]
        return (method.adapt(parts[0], labels, 5)(parts[1]).argmax(-1) == targets).float().mean().item()

    before = accuracy()
    method.train()
    for step in range(60):
        optimizer.zero_grad()
        method.loss(method.batches.draw(source, step))["loss"].backward()  # type: ignore[union-attr]
        optimizer.step()
    after = accuracy()
    assert after > before + 0.12, (before, after)


class Odd(Small):
    """With a buffer that counts, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.full((4,), 0.5))
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(super().forward(images) + self.shift)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_buffers_and_the_mode_reach_the_inner_loop(engine: str) -> None:
    """After a training step of the same shape, an evaluation drops nothing, as with learn2learn."""
    logits = []
    for each in ("learn2learn", engine):
        torch.manual_seed(0)
        method = MAML(Odd(), MAMLConfig(ways=3, queries=4, tasks=2, inner_lr=0.3, engine=each), DATA).double()
        batch = draw(method.config)
        assert method.train().loss(batch)["loss"].isfinite()
        with torch.no_grad():
            logits.append(method.eval().adapt(batch.support, batch.support_labels, 3)(batch.query))
    torch.testing.assert_close(*logits)
