"""`finetune` against gradient descent in numpy; which labels are given; what is left as it was."""

from __future__ import annotations

import copy
from typing import Any, cast

import numpy as np
import pytest
import torch
from harness_evaluators import FinetuneConfig
from harness_evaluators.finetune import Finetune, divided, rates
from harness_moco.momentum import SplitNorm
from torch import Tensor, nn

from harness import Data, Method, Split, Trained, UsageError, Vectors

CLASSES = tuple("abc")
Array = np.ndarray[Any, np.dtype[np.float64]]


def vectors(number: int = 75) -> Data:
    """Three classes that differ in the product of two columns and in a third: no linear head finds all of it."""
    draw = torch.Generator().manual_seed(0)

    def split(number: int) -> Split:
        samples = torch.randn(number, 4, generator=draw)
        labels = torch.where(samples[:, 0] * samples[:, 1] > 0.3, 0, torch.where(samples[:, 2] > 0, 1, 2))
        return Split(samples, labels, CLASSES)

    splits = {"train": split(number), "test": split(300)}
    return Data.of(splits, Vectors.of(splits["train"].samples), torch.device("cpu"))


def method(data: Data, backbone: nn.Module) -> Method:
    return Method(backbone, None, data).eval()


def perceptron() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 16))


def descent(weights: list[Array], x: Array, y: Array, rates: list[float], steps: int) -> list[list[Array]]:
    """The weights of softmax(x A' B' + b) after each step of gradient descent with Nesterov's momentum; `rates` of
    A, and of B and b."""
    moved = [np.zeros_like(each) for each in weights]
    targets, found = np.eye(3)[y], []
    for step in range(steps):
        first, second, bias = weights
        hidden = x @ first.T
        logits = hidden @ second.T + bias
        shares = np.exp(logits - logits.max(1, keepdims=True))
        error = (shares / shares.sum(1, keepdims=True) - targets) / len(x)
        gradients = [(error @ second).T @ x, error.T @ hidden, error.sum(0)]
        moved = [0.9 * each + gradient for each, gradient in zip(moved, gradients, strict=True)]
        share = (1 + np.cos(np.pi * step / steps)) / 2
        weights = [
            each - share * rate * (gradient + 0.9 * velocity)
            for each, gradient, velocity, rate in zip(weights, gradients, moved, (*rates, rates[-1]), strict=True)
        ]
        found.append(weights)
    return found


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_a_linear_encoder_learns_what_gradient_descent_does(decay: float) -> None:
    data = vectors()
    torch.manual_seed(0)
    own = method(data, nn.Linear(4, 5, bias=False))
    config = FinetuneConfig(epochs=12, patience=12, lr=0.3, layer_decay=decay)  # one batch an epoch
    learning, held = divided(data.train, 1.0, 0)
    network, epoch = Finetune(config).trained(own, data, learning, held)
    x = data.inputs(data.train.samples[learning]).double().numpy()  # type: ignore[index, arg-type]
    first = own.backbone.weight.detach().double().numpy()
    steps = descent(
        [first, np.zeros((3, 5)), np.zeros(3)], x, data.train.labels[learning].numpy(), [0.3 * decay, 0.3], 12
    )
    for weight, expected in zip(network.parameters(), steps[epoch - 1], strict=True):
        np.testing.assert_allclose(weight.detach(), expected, atol=1e-5)


def test_it_learns_what_a_head_alone_does_not() -> None:
    data = vectors(400)
    own = method(data, perceptron())

    def accuracy(lr: float) -> float:
        return Finetune(FinetuneConfig(epochs=40, lr=lr, batch_size=64)).evaluate(Trained(own, data))["accuracy"].value

    assert accuracy(0.1) > accuracy(1e-9) + 0.2


def test_batch_norms_that_were_split_for_training_are_whole_again() -> None:
    """MoCo's, which would else see parts of the batches, and other methods' the whole."""
    data = vectors()
    plain, split = perceptron(), perceptron()
    split[1] = SplitNorm(cast(nn.BatchNorm1d, split[1]), 4)
    learning, held = divided(data.train, 1.0, 0)

    def logits(backbone: nn.Module) -> Tensor:
        torch.manual_seed(0)
        network, _ = Finetune(FinetuneConfig(epochs=3)).trained(method(data, backbone), data, learning, held)
        return network(data.inputs(cast(Tensor, data.split("test").samples))).detach()

    torch.testing.assert_close(logits(split), logits(plain))
    assert isinstance(split[1], SplitNorm)


def test_the_method_is_left_as_it_was_and_the_score_repeats_itself() -> None:
    data = vectors()
    own = method(data, perceptron())
    own.backbone[0].weight.requires_grad_(False)  # as of a momentum network
    before, state = copy.deepcopy(own.state_dict()), torch.get_rng_state()
    evaluator = Finetune(FinetuneConfig(epochs=3))
    one, other = (evaluator.evaluate(Trained(own, data))["accuracy"] for _ in range(2))
    assert np.array_equal(one.units, other.units)
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    assert not own.training
    assert not own.backbone[0].weight.requires_grad
    assert all(weight.grad is None for weight in own.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_smaller_fractions_are_parts_of_larger_ones_with_as_many_of_each_class() -> None:
    labels = torch.arange(3000) % 3
    split = Split(torch.zeros(3000, 1), labels, CLASSES)
    given = {share: torch.cat(divided(split, share, 0)) for share in (0.01, 0.1, 1.0)}
    assert {share: len(members) for share, members in given.items()} == {0.01: 30, 0.1: 300, 1.0: 3000}
    for share, members in given.items():
        assert torch.bincount(labels[members]).tolist() == [round(1000 * share)] * 3
        assert len(members.unique()) == len(members)
    assert set(given[0.01].tolist()) < set(given[0.1].tolist()) < set(given[1.0].tolist())
    learning, held = divided(split, 0.1, 0)
    assert len(held) == 60
    assert not set(learning.tolist()) & set(held.tolist())
    assert set(given[0.1].tolist()) != set(torch.cat(divided(split, 0.1, 1)).tolist())


def test_the_test_split_has_no_part_in_training() -> None:
    data = vectors()
    own = method(data, perceptron())
    other = Data({**data.splits, "test": Split(data.split("test").samples, data.split("test").labels.flip(0), CLASSES)},
                 data.modality, data.device)  # fmt: skip
    evaluator = Finetune(FinetuneConfig(epochs=3))
    one, two = (evaluator.evaluate(Trained(own, each))["accuracy"].details for each in (data, other))
    assert one == two


def test_rates_fall_from_layer_to_layer() -> None:
    network = perceptron()
    groups = rates(list(network.parameters()), nn.Linear(16, 3), 0.1, 0.5)
    assert [(len(group["params"]), group["highest"]) for group in groups] == [(4, 0.025), (2, 0.05), (2, 0.1)]


class Still(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach()


def test_what_cannot_be_tuned_is_said_before_training() -> None:
    data = vectors()
    Finetune(FinetuneConfig()).check(method(data, perceptron()), data)
    with pytest.raises(UsageError, match="no weight of the encoder can be fine-tuned"):
        Finetune(FinetuneConfig()).check(method(data, Still()), data)
    with pytest.raises(UsageError, match="2 % of the split 'train' are 3 samples of 3 classes: too few"):
        Finetune(FinetuneConfig(fraction=0.02)).check(method(data, perceptron()), data)
