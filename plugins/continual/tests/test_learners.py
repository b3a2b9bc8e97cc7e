"""The learners, against the same computed sample by sample, from formulas of a whole batch, or by torch's own parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from harness_continual.slda import SHRINKAGE, SLDA
from harness_continual.softmax import BATCH, PASSES, Joint, Replay, Softmax
from torch import Tensor, nn

from harness import Online, RunningMeans

WAYS, WIDTH, SAMPLES = 4, 5, 24


def drawn(streams: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Features (E, S, D) of classes that overlap, their labels, and queries (E, 7, D)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.stack([torch.randperm(SAMPLES, generator=generator) % WAYS for _ in range(streams)])
    means = torch.randn(WAYS, WIDTH, generator=generator)
    features = means[labels] + torch.randn(streams, SAMPLES, WIDTH, generator=generator)
    return features, labels, torch.randn(streams, 7, WIDTH, generator=generator)


MAKERS: dict[str, Callable[[], Online]] = {
    "ncm": lambda: RunningMeans(WAYS),
    "slda": lambda: SLDA(WAYS),
    "softmax": lambda: Softmax(WAYS, 0.1, 0),
    "replay": lambda: Replay(WAYS, 0.1, 0, 6, 3),
}


@pytest.mark.parametrize("name", MAKERS)
def test_updates_may_be_divided_anyhow(name: str) -> None:
    features, labels, query = drawn()
    one, other = MAKERS[name](), MAKERS[name]()
    one.update(features, labels)
    for start, end in ((0, 1), (1, 6), (6, SAMPLES)):
        other.update(features[:, start:end], labels[:, start:end])
    torch.testing.assert_close(one.predict(query), other.predict(query), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ncm", "slda"])
def test_the_order_of_the_samples_is_nothing_to_means(name: str) -> None:
    features, labels, query = drawn()
    one, other = MAKERS[name](), MAKERS[name]()
    one.update(features, labels)
    other.update(features.flip(1), labels.flip(1))
    torch.testing.assert_close(one.predict(query), other.predict(query), rtol=1e-4, atol=1e-5)


def test_the_order_is_something_to_a_softmax() -> None:
    features, labels, query = drawn()
    one, other = Softmax(WAYS, 0.1, 0), Softmax(WAYS, 0.1, 0)
    one.update(features, labels)
    other.update(features.flip(1), labels.flip(1))
    assert (one.predict(query) - other.predict(query)).abs().max() > 0.1


def test_the_streaming_covariance_is_that_of_the_batch() -> None:
    features, labels, query = drawn(2)
    learner = SLDA(WAYS)
    learner.update(features, labels)
    for stream in range(2):
        x, y = features[stream].double(), labels[stream]
        means = torch.stack([x[y == label].mean(0) for label in range(WAYS)])
        within = sum(torch.outer(each - means[label], each - means[label]) for each, label in zip(x, y, strict=True))
        covariance = within / SAMPLES
        torch.testing.assert_close(learner.means[stream], means)
        torch.testing.assert_close(learner.covariance()[stream], covariance)
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.trace() / WIDTH * torch.eye(WIDTH)
        gaussians = [torch.distributions.MultivariateNormal(mean, shrunk) for mean in means]  # Bayes with equal priors
        joint = torch.stack([each.log_prob(query[stream].double()) for each in gaussians], 1)
        found = learner.predict(query)[stream].double()
        torch.testing.assert_close(found, joint.log_softmax(1), rtol=1e-4, atol=1e-4)


def test_slda_knows_what_it_saw_of_one_class() -> None:
    learner = SLDA(WAYS)
    learner.update(torch.ones(1, 1, WIDTH), torch.tensor([[2]]))
    assert learner.predict(torch.randn(1, 3, WIDTH)).isfinite().all()


def plainly(batches: list[tuple[Tensor, Tensor]], rate: float, *, falling: bool = False) -> nn.Linear:
    """torch's own layer and Adam: a step for each batch (S, D), (S,)."""
    layer = nn.Linear(WIDTH, WAYS)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0 if falling else 1, len(batches))
    for features, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(layer(features), labels).backward()
        optimizer.step()
        schedule.step()
    return layer


def test_each_stream_has_a_softmax_of_its_own() -> None:
    features, labels, query = drawn()
    learner = Softmax(WAYS, 0.05, 0)
    learner.update(features, labels)
    for stream in range(3):
        steps = [(features[stream, i : i + 1], labels[stream, i : i + 1]) for i in range(SAMPLES)]
        torch.testing.assert_close(learner.predict(query)[stream], plainly(steps, 0.05)(query[stream]).detach())


def test_each_stream_may_have_a_rate_of_its_own() -> None:
    features, labels, query = drawn()
    learner = Softmax(WAYS, torch.tensor([0.001, 0.05, 0.5]), 0)
    learner.update(features, labels)
    for stream, rate in enumerate((0.001, 0.05, 0.5)):
        steps = [(features[stream, i : i + 1], labels[stream, i : i + 1]) for i in range(SAMPLES)]
        torch.testing.assert_close(learner.predict(query)[stream], plainly(steps, rate)(query[stream]).detach())


def test_joint_passes_over_all_samples_in_random_batches_at_a_falling_rate() -> None:
    features, labels, query = drawn()
    features, labels = features.repeat(1, 3, 1), labels.repeat(1, 3)
    learner = Joint(WAYS, 0.05, 7)
    learner.update(features, labels)
    generator = torch.Generator().manual_seed(7)
    orders = [torch.randperm(3 * SAMPLES, generator=generator).split(BATCH) for _ in range(PASSES)]
    steps = [(features[1, batch], labels[1, batch]) for order in orders for batch in order]
    expected = plainly(steps, 0.05, falling=True)(query[1]).detach()
    torch.testing.assert_close(learner.predict(query)[1], expected, rtol=1e-4, atol=1e-4)


def test_replay_learns_a_memory_with_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first feature numbers the samples: what a step learns is the new one, and some of those before."""
    number = torch.arange(50.0).expand(2, -1)
    learner, seen = Replay(WAYS, 0.1, 0, memory=6, replayed=3), []
    monkeypatch.setattr(learner, "step", lambda features, labels: seen.append((features[..., 0], labels)))
    learner.update(number[..., None], number.long() % WAYS)
    for count, (features, labels) in enumerate(seen):
        assert (features[:, 0] == count).all()
        assert features.shape == (2, 4 if count else 1)
        assert (features[:, 1:] < count).all()
        assert (labels == features.long() % WAYS).all()
    assert any((one != other).any() for (features, _) in seen[10:] for one, other in [features[:, 1:]])


def test_the_memory_is_a_uniform_sample_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    streams, size = 4000, 3
    number = torch.arange(12.0).expand(streams, -1)
    learner = Replay(WAYS, 0.1, 0, size, 1)
    monkeypatch.setattr(learner, "step", lambda *_: None)
    learner.update(number[..., None], number.long() % WAYS)
    assert learner.memory is not None
    kept = learner.memory[0][..., 0].long()
    assert (kept.sort(1).values.diff(dim=1) > 0).all()  # none twice
    shares = torch.bincount(kept.flatten(), minlength=12) / streams
    # of 4000 streams, the standard error of 1/4 is .007
    torch.testing.assert_close(shares, torch.full((12,), size / 12), rtol=0, atol=0.03)
