"""Encoders along a stream: losses against their formulas, the network before, and that remembering helps."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_continual import CaSSLeConfig, ERConfig, ERSimCLRConfig, LUMPConfig, LwFConfig
from harness_continual.along import ER, LUMP, CaSSLe, ERSimCLR, LwF, distilled, own_before
from harness_continual.tasks import TaskBatch
from harness_simclr.method import nt_xent

from harness import Data, Source
from harness.testing import check_method
from harness.testing.problem import SmallNet


def drawn(data: Data, method: Any, task: int, batch: int = 64) -> TaskBatch:
    """The first batch of a task."""
    source, stream = Source(data, batch, 0), method.batches
    members = stream.members(source)
    step = stream.passes * sum(len(each) // batch for each in members[:task])
    given: TaskBatch = stream.draw(source, step)
    assert int(given.task) == task
    return given


def test_er_is_cross_entropy_of_new_and_old(gratings: Data, tiny_net: SmallNet) -> None:
    method = ER(tiny_net, ERConfig(tasks=3, memory=30), gratings).eval()
    batch = drawn(gratings, method, 1)
    parts = [
        F.cross_entropy(method.classifier(method.backbone(views[0])), labels)
        for views, labels in ((batch.views, batch.labels), (batch.old, batch.old_labels))
    ]
    torch.testing.assert_close(method.loss(batch)["loss"], (parts[0] + parts[1]) / 2)


def test_er_simclr_contrasts_new_and_old_together(gratings: Data, tiny_net: SmallNet) -> None:
    method = ERSimCLR(tiny_net, ERSimCLRConfig(tasks=3, memory=30), gratings).eval()
    batch = drawn(gratings, method, 1)
    both = torch.stack([torch.cat([new, old]) for new, old in zip(batch.views, batch.old, strict=True)])
    assert both.shape[1] == 2 * batch.views.shape[1]
    torch.testing.assert_close(method.loss(batch), nt_xent(method.projected(both), 0.5))
    first = drawn(gratings, method, 0)
    torch.testing.assert_close(method.loss(first), nt_xent(method.projected(first.views), 0.5))


def test_lump_mixes_each_view_with_one_of_the_memory(gratings: Data, tiny_net: SmallNet) -> None:
    method = LUMP(tiny_net, LUMPConfig(tasks=3, memory=30), gratings).eval()
    batch = drawn(gratings, method, 1)
    torch.manual_seed(5)
    share = torch.distributions.Beta(torch.tensor(0.4), torch.tensor(0.4)).sample()
    torch.manual_seed(5)
    found = method.loss(batch)
    mixed = torch.stack([share * new + (1 - share) * old for new, old in zip(batch.views, batch.old, strict=True)])
    torch.testing.assert_close(found, nt_xent(method.projected(mixed), 0.5))
    first = drawn(gratings, method, 0)
    torch.testing.assert_close(method.loss(first), nt_xent(method.projected(first.views), 0.5))


def test_lwf_keeps_the_logits_of_earlier_classes(gratings: Data, tiny_net: SmallNet) -> None:
    method = LwF(tiny_net, LwFConfig(tasks=3, temperature=3.0, weight=0.7), gratings).train()
    first, second = (drawn(gratings, method, task) for task in (0, 1))
    assert method.loss(first)["keeping"] == 0
    before = copy.deepcopy(torch.nn.Sequential(method.backbone, method.classifier)).eval()
    method.loss(second)  # the second task begins
    with torch.no_grad():
        method.classifier.weight.add_(0.1 * torch.randn_like(method.classifier.weight))
    method.backbone.eval()
    found = method.loss(second)
    inputs = second.views[0]
    logits, old = method.classifier(method.backbone(inputs)), before(inputs)
    terms = []
    for now, then in zip(logits[:, :2], old[:, :2], strict=True):  # classes 0 and 1 were the first task's
        soft = [(each / 3).exp() / (each / 3).exp().sum() for each in (now, then)]
        terms.append(-9 * (soft[1] * soft[0].log()).sum())
    torch.testing.assert_close(found["keeping"], torch.stack(terms).mean())
    torch.testing.assert_close(found["learning"], F.cross_entropy(logits, second.labels))
    torch.testing.assert_close(found["loss"], found["learning"] + 0.7 * found["keeping"])


def test_distillation_is_least_where_nothing_changed() -> None:
    before = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    logits = before.clone().requires_grad_()
    (slope,) = torch.autograd.grad(distilled(logits, before, 2.0), logits)
    torch.testing.assert_close(slope, torch.zeros_like(slope))


def test_a_view_finds_itself_among_all_before() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, before = torch.randn(2, 6, 3, generator=generator)
    terms = []
    for i in range(6):
        cosines = torch.stack([F.cosine_similarity(predicted[i], before[j], dim=0) for j in range(6)]) / 0.2
        terms.append(cosines.logsumexp(0) - cosines[i])
    torch.testing.assert_close(own_before(predicted, before, 0.2), torch.stack(terms).mean())


def test_cassle_predicts_the_network_before_which_stays(gratings: Data, tiny_net: SmallNet) -> None:
    method = CaSSLe(tiny_net, CaSSLeConfig(tasks=3, predictor_dim=16, weight=0.5), gratings).train()
    first, second = (drawn(gratings, method, task) for task in (0, 1))
    method.loss(first)["keeping"].backward()
    assert all(weight.grad is not None for weight in method.predictor.parameters())
    assert all(weight.grad is None for weight in (*method.backbone.parameters(), *method.projector.parameters()))
    assert not list(method.previous.parameters())
    method.loss(second)["loss"].backward()
    kept = copy.deepcopy(method.previous.state_dict())
    with torch.no_grad():
        for weight in method.backbone.parameters():
            weight.mul_(1.1)
    method.eval()
    found = method.loss(second)
    for name, value in method.previous.state_dict().items():
        assert torch.equal(value, kept[name])
    z = method.projected(second.views)
    keeping = own_before(method.predictor(z), method.previous(second.views.flatten(0, 1)), 0.5)
    torch.testing.assert_close(found["keeping"], keeping)
    torch.testing.assert_close(found["loss"], nt_xent(z, 0.5) + 0.5 * keeping)
    method.loss(drawn(gratings, method, 2))
    assert any(not torch.equal(value, kept[name]) for name, value in method.previous.state_dict().items())


def test_a_memory_keeps_earlier_classes(gratings: Data) -> None:
    """At the end of a stream of two tasks, the classes of the first are known with a memory, and forgotten without."""
    accuracies = []
    for memory in (200, 0):
        torch.manual_seed(0)
        method = ER(SmallNet(None, (1, 14, 14)), ERConfig(tasks=2, passes=3, memory=memory), gratings).train()  # type: ignore[arg-type]
        source = Source(gratings, 64, 0)
        optimizer = torch.optim.Adam(method.parameters(), 0.01)
        for step in range(3 * method.batches.steps_per_epoch(source)):
            optimizer.zero_grad()
            method.loss(method.batches.draw(source, step))["loss"].backward()
            optimizer.step()
        test = gratings.split("test")
        with torch.no_grad():
            logits = method.eval().classifier(method.encode(gratings.inputs(test.samples)))
        hits = (logits.argmax(1) == test.labels).float()
        accuracies.append(hits[test.labels < 3].mean().item())
    assert accuracies[0] > 0.4
    assert accuracies[1] < 0.1


SMALL: dict[str, dict[str, Any]] = {
    "er": {"memory": 100},
    "lwf": {},
    "er_simclr": {"projection_dim": 32, "memory": 100},
    "lump": {"projection_dim": 32, "memory": 100},
    "cassle": {"projection_dim": 32, "predictor_dim": 64},
}


@pytest.mark.parametrize("name", SMALL)
def test_each_method_conforms(name: str) -> None:
    check_method(name, tasks=2, **SMALL[name])
