"""OML: its gradient, against finite differences and learn2learn; its streams; what batch norm sees."""

from __future__ import annotations

import copy

import learn2learn
import torch
import torch.nn.functional as F
from harness_continual import OMLConfig, oml
from harness_continual.oml import OML, OnlineHead, TrajectoryBatch, learn, predict
from torch import Tensor, nn

from harness import Data, Source
from harness.testing import check_method
from harness.testing.problem import SmallNet

RATE = 0.3


class Tanh(nn.Module):
    """A network without batch norm, smooth for finite differences."""

    feature_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.layer(inputs.flatten(1)))


def batch() -> TrajectoryBatch:
    """A stream of two of five classes, three samples of each, and eight random samples."""
    generator = torch.Generator().manual_seed(3)
    stream, random = (torch.randn(number, 6, generator=generator, dtype=torch.float64) for number in (6, 8))
    labels = torch.tensor([3, 3, 3, 1, 1, 1]), torch.randint(5, (8,), generator=generator)
    return TrajectoryBatch(stream, labels[0], random, labels[1])


def objective(weights: dict[str, Tensor], given: TrajectoryBatch, *, detached: bool = False) -> Tensor:
    """The loss in float64, as in `OML.loss`; `detached`: without the graph of the inner gradients."""
    inputs = torch.cat([given.stream, given.random])
    features = torch.tanh(inputs @ weights["layer"].T)
    number, labels = len(given.stream_labels), given.stream_labels
    head = (
        weights["head"].index_fill(0, labels.unique(), 0)[None],
        weights["bias"].index_fill(0, labels.unique(), 0)[None],
    )
    known = features.detach() if detached else features
    head = learn(head, known[None, :number], labels[None], RATE)
    return F.cross_entropy(predict(head, features[None])[0], torch.cat([labels, given.random_labels]))


def drawn() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"layer": (4, 6), "head": (5, 4), "bias": (5,)}
    return {
        name: torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }


def differences(weights: dict[str, Tensor], given: TrajectoryBatch) -> dict[str, Tensor]:
    """Central differences of the objective by each weight."""
    found = {}
    for name, weight in weights.items():
        slopes = torch.zeros_like(weight)
        for place in range(weight.numel()):
            ends = []
            for step in (1e-5, -1e-5):
                moved = {each: value.detach().clone() for each, value in weights.items()}
                moved[name].view(-1)[place] += step
                ends.append(objective(moved, given))
            slopes.view(-1)[place] = (ends[0] - ends[1]) / 2e-5
        found[name] = slopes
    return found


def test_the_gradient_through_the_stream_is_that_of_finite_differences() -> None:
    weights, given = drawn(), batch()
    found = dict(zip(weights, torch.autograd.grad(objective(weights, given), list(weights.values())), strict=True))
    expected = differences(weights, given)
    for name in weights:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-8)
    without = torch.autograd.grad(objective(weights, given, detached=True), weights["layer"])[0]
    assert (without - expected["layer"]).abs().max() > 0.01  # the trap: a first-order gradient would be seen here
    assert not found["head"][[1, 3]].any()  # rows that were reset


def test_the_stream_is_learned_as_by_learn2learn() -> None:
    given, weights = batch(), drawn()
    backbone, head = nn.Linear(6, 4, bias=False).double(), nn.Linear(4, 5).double()
    with torch.no_grad():
        backbone.weight.copy_(weights["layer"])
        head.weight.copy_(weights["head"].index_fill(0, torch.tensor([1, 3]), 0))
        head.bias.copy_(weights["bias"].index_fill(0, torch.tensor([1, 3]), 0))
    clone = learn2learn.algorithms.MAML(head, RATE).clone()
    features = torch.tanh(backbone(torch.cat([given.stream, given.random])))
    for place, label in enumerate(given.stream_labels):
        clone.adapt(F.cross_entropy(clone(features[place : place + 1]), label[None]))
    loss = F.cross_entropy(clone(features), torch.cat([given.stream_labels, given.random_labels]))
    loss.backward()
    ours = objective(weights, given)
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(torch.autograd.grad(ours, weights["layer"])[0], backbone.weight.grad)


def test_the_loss_of_the_method_has_this_gradient(gratings: Data) -> None:
    method, weights, given = OML(Tanh(), OMLConfig(inner_lr=RATE), gratings), drawn(), batch()
    method.head = nn.Linear(4, 5)
    with torch.no_grad():
        method.backbone.layer.weight.copy_(weights["layer"])
        method.backbone.layer.bias.zero_()
        method.head.weight.copy_(weights["head"])
        method.head.bias.copy_(weights["bias"])
    method.loss(given._replace(stream=given.stream.float(), random=given.random.float()))["loss"].backward()
    expected = torch.autograd.grad(objective(weights, given), list(weights.values()))
    found = (method.backbone.layer.weight.grad, method.head.weight.grad, method.head.bias.grad)
    for one, other in zip(found, expected, strict=True):
        assert one is not None
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-5)


def test_a_stream_is_class_by_class_and_the_random_samples_are_a_batch(gratings: Data) -> None:
    source = Source(gratings, 32, seed=0)
    given = oml.Trajectories(3, 4).draw(source, 5)
    assert given.stream_labels.view(3, 4).unique(dim=1).shape == (3, 1)
    assert len(given.stream_labels.unique()) == 3
    assert torch.equal(given.random_labels, gratings.train.labels[source.indices(5)])
    train = gratings.inputs(gratings.train.samples)
    for part in (given[:2], given[2:]):
        for sample, label in zip(*part, strict=True):
            same = (train == sample).flatten(1).all(1)
            assert gratings.train.labels[same].tolist() == [label.item()]


def test_batch_norm_does_not_tell_of_the_stream(gratings: Data, tiny_net: SmallNet) -> None:
    """The features of a sample in training are its own: other samples of the stream have no part in them."""
    method = OML(tiny_net, OMLConfig(), gratings).train()
    assert method.norms()
    inputs = gratings.inputs(gratings.train.samples[:8])
    torch.testing.assert_close(method.backbone(inputs)[:2], method.backbone(inputs[:2]))
    before = copy.deepcopy(method.backbone.state_dict())
    method.track(inputs)
    after = method.backbone.state_dict()
    means = [name for name in before if name.endswith("running_mean")]
    assert all((before[name] != after[name]).any() for name in means)
    assert not any(norm.training for norm in method.norms())
    assert method.backbone.training


def test_online_learns_as_training_does() -> None:
    given = batch()
    features, labels = given.stream[None], given.stream_labels[None]
    learner = OnlineHead(5, RATE)
    learner.update(features[:, :2], labels[:, :2])
    learner.update(features[:, 2:], labels[:, 2:])
    zeros = torch.zeros(1, 5, 6, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64)
    expected = predict(learn(zeros, features, labels, RATE), given.random[None])
    torch.testing.assert_close(learner.predict(given.random[None]), expected)


def test_it_conforms() -> None:
    check_method("oml", classes=2, shots=5, inner_lr=0.1)
