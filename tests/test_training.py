"""The loop: rates, optimizers, resume, determinism, and a loss that is not finite."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from harness_toy import BlobsConfig, CentroidConfig, FlatConfig
from harness_toy.parts import Blobs, Classify, Flat
from torch import nn

from harness import Augmentation, Group, Method, Metric, Trained, UsageError, Views
from harness.base.checkpoint_interval import Interval
from harness.learning import training as loop
from harness.learning.checkpoint import checkpoint_step, load_checkpoint, save_checkpoint
from harness.learning.data.batches import Source
from harness.learning.optimizers import make_optimizer
from harness.learning.seeding import seed_all
from harness.learning.training import rate_factor, set_rate, steps_of, train
from harness.suite.budget import Budget, merge
from harness.testing.problem import image_data


def fresh(seed: int = 0) -> tuple[Classify, Source]:
    data = image_data(Blobs(BlobsConfig(), Path()).load(), Augmentation(flip=0.5))
    torch.manual_seed(seed)
    return Classify(Flat(FlatConfig(), data.modality.shape), CentroidConfig(), data), Source(data, 32, seed)


def train_logged(
    method: Classify, source: Source, budget: Budget, checkpoint: Path, every: Interval = loop.CHECKPOINT_EVERY
) -> list[tuple[int, float]]:
    logged: list[tuple[int, float]] = []

    def log(step: int, steps: int, metrics: Mapping[str, float]) -> None:  # noqa: ARG001 (the callback's signature)
        logged.append((step, metrics["loss"]))

    train(method, source, budget, checkpoint, log, every=every)
    return logged


BUDGETS = [
    Budget(steps=24, optimizer="sgd", lr=0.1, weight_decay=1e-3, warmup=0.2),
    Budget(steps=24, optimizer="adam", lr=0.01),
    Budget(steps=24, optimizer="adamw", lr=0.01, weight_decay=0.1),
    Budget(steps=24, optimizer="lars", lr=10.0, weight_decay=1e-6),
    Budget(steps=24, lr=0.1, precision="bf16"),
    Budget(steps=24, lr=0.3, schedule="linear", warmup=0.2, clip=0.5),
]


@pytest.mark.parametrize(
    "budget", BUDGETS, ids=lambda budget: f"{budget.optimizer}-{budget.precision}-{budget.schedule}"
)
def test_learns_and_a_resumed_run_equals_an_uninterrupted_one(budget: Budget, tmp_path: Path) -> None:
    whole, source = fresh()
    logged = train_logged(whole, source, budget, tmp_path / "never")
    assert logged[-1][1] < 0.6 * logged[0][1]
    stopped, source = fresh()

    def stop(step: int, steps: int) -> None:  # noqa: ARG001 (the hook's signature)
        if step == 10:
            raise KeyboardInterrupt

    stopped.after_step = stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        train_logged(stopped, source, budget, tmp_path / "checkpoint", Interval(steps=1))
    resumed, source = fresh(seed=0)
    with torch.no_grad():
        resumed.head.weight.zero_()  # whatever it was before: the checkpoint holds all
    torch.manual_seed(99)
    again = train_logged(resumed, source, budget, tmp_path / "checkpoint")
    assert again == [entry for entry in logged if entry[0] > 10]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_checkpoint_is_no_pickle_that_runs_code(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"step": 1, "bomb": Bomb()}, tmp_path / "checkpoint")
    method, _ = fresh()
    assert load_checkpoint(tmp_path / "checkpoint", method, make_optimizer(method, BUDGETS[0])) == (0, 0.0)
    assert not (tmp_path / "exploded").exists()
    assert not (tmp_path / "checkpoint").exists()


def test_a_flipped_bit_of_a_checkpoint_is_noticed_and_the_file_set_aside(tmp_path: Path) -> None:
    method, _ = fresh()
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, 3, 1.0, method, make_optimizer(method, BUDGETS[0]))
    assert checkpoint_step(path) == 3
    content = bytearray(path.read_bytes())
    weights = method.head.weight.detach().numpy().tobytes()
    content[content.index(weights) + 5] ^= 16
    path.write_bytes(content)
    torch.load(path, weights_only=True)  # which notices nothing
    assert checkpoint_step(path) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt.damaged-1"]


def test_a_step_seeds_every_global_generator() -> None:
    drawn = []
    for seed in (2**62, 2**62, 1):
        seed_all(seed)
        drawn.append((float(torch.rand(())), np.random.rand(), random.random()))
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[1], drawn[2], strict=True))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(tmp_path: Path) -> None:
    runs = [train_logged(*fresh(seed), BUDGETS[0], tmp_path / "never") for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_rates_rise_linearly_and_fall_as_a_cosine() -> None:
    budget = Budget(steps=100, warmup=0.1)
    rates = [rate_factor(step, 100, budget) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert {rate_factor(step, 100, Budget(steps=100, schedule="constant")) for step in range(100)} == {1.0}


def test_rates_fall_along_a_line_to_zero() -> None:
    budget = Budget(steps=100, warmup=0.1, schedule="linear")
    rates = [rate_factor(step, 100, budget) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert rates[10:] == pytest.approx([(100 - step) / 90 for step in range(10, 100)])


def test_clip_holds_the_norm_of_the_whole_gradient(tmp_path: Path) -> None:
    """A step of plain SGD is as long as the rate times the gradient's norm."""

    def step(clip: float | None) -> tuple[float, list[torch.Tensor]]:
        method, source = fresh()
        before = [weight.detach().clone() for weight in method.parameters()]
        train(method, source, Budget(steps=1, lr=0.5, momentum=0.0, clip=clip), tmp_path / "never", lambda *_: None)
        moved = [weight.detach() - old for weight, old in zip(method.parameters(), before, strict=True)]
        return math.sqrt(sum(float(each.square().sum()) for each in moved)), moved

    (length, free), (held, clipped), (loose, same) = step(None), step(0.05), step(1e3)
    assert length > 2 * 0.5 * 0.05
    assert held == pytest.approx(0.5 * 0.05, rel=1e-4)
    assert loose == length
    for one, other, third in zip(free, clipped, same, strict=True):
        assert torch.equal(one, third)
        torch.testing.assert_close(one * (held / length), other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("clip", [0.0, -1.0])
def test_a_norm_that_is_not_positive_is_refused(clip: float) -> None:
    with pytest.raises(ValueError, match="clip must be positive"):
        Budget(steps=1, clip=clip)


def test_weight_decay_spares_biases_and_norms() -> None:
    method, _ = fresh()
    decayed, spared = make_optimizer(method, Budget(steps=1, weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert all(weight.ndim > 1 for weight in decayed["params"])
    assert all(weight.ndim == 1 for weight in spared["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(method.parameters()))


@pytest.mark.parametrize("decay", [0.1, 0.0])
def test_lars_scales_a_layers_step_by_its_norms(decay: float) -> None:
    """One step of You et al. 2017: w - lr * trust * (g + wd w), trust = .001 |w| / (|g| + wd |w|)."""

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))

    one = One()
    optimizer = make_optimizer(one, Budget(steps=1, optimizer="lars", lr=0.5, weight_decay=decay, momentum=0.0))
    gradient = torch.tensor([[0.6, 0.8]])
    one.weight.grad = gradient.clone()
    before = one.weight.detach().clone()
    optimizer.step()
    trust = 0.001 * 5 / (1 + decay * 5)
    torch.testing.assert_close(
        one.weight.detach(), before - 0.5 * trust * (gradient + decay * before), atol=1e-6, rtol=1e-5
    )


def test_epochs_become_steps() -> None:
    _, source = fresh()
    assert len(source.data.train) == 144
    assert steps_of(Budget(epochs=2.5), Views(2), source) == 10
    assert steps_of(Budget(steps=7), Views(2), source) == 7


def test_a_later_block_may_count_otherwise() -> None:
    assert merge({"steps": 5, "lr": 1}, {"epochs": 2}) == {"epochs": 2, "lr": 1}
    assert merge({"epochs": 5}, {"lr": 2}, {"steps": 3}) == {"lr": 2, "steps": 3}


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    method, source = fresh()
    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at step \d+ of 24"):
        train_logged(method, source, Budget(steps=24, lr=1e30, schedule="constant"), tmp_path / "never")


def test_features_are_computed_once_in_eval_mode_without_touching_the_method() -> None:
    method, source = fresh()
    method.train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    trained = Trained(method, source.data)
    features = trained.features("test")
    assert trained.features("test") is features
    assert not features.requires_grad
    assert not method.training
    pixels = source.data.inputs(source.data.split("test").samples)
    torch.testing.assert_close(features, method.backbone(pixels).detach())
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


def test_a_metric_is_the_mean_of_its_units_with_their_interval() -> None:
    metric = Metric.mean(torch.tensor([1.0, 0.0, 1.0, 1.0]), "image")
    assert (metric.value, metric.n) == (0.75, 4)
    assert metric.half_width == pytest.approx(1.96 * 0.5 / 2)  # sample deviation of three ones and a zero is .5
    assert json.dumps(metric.value)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_hits_or_none_have_wilsons_interval(share: float) -> None:
    from scipy.stats import binomtest

    metric = Metric.mean(torch.full((20,), share), "image")
    low, high = binomtest(round(20 * share), 20).proportion_ci(method="wilson")
    assert metric.half_width == pytest.approx(high - low, abs=1e-4)  # some 16 points
    assert Metric.mean(torch.zeros(20), "pair", higher_is_better=False).half_width == 0  # no share of hits


def test_features_that_are_not_finite_have_no_score() -> None:
    method, source = fresh()
    with torch.no_grad():
        method.backbone.linear.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="not finite"):
        Trained(method, source.data).features("test")


def test_a_compiled_loss_trains_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the compiler's front end; its default back end takes half a minute and a C++ compiler."""
    compiled: list[object] = []
    genuine = torch.compile

    def quickly(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(function)
        return genuine(function, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", quickly)
    logged = []
    for choice in (False, True):
        method, source = fresh()
        logged.append(train_logged(method, source, Budget(steps=6, lr=0.1, compile=choice), tmp_path / "never"))
    assert len(compiled) == 1
    assert logged[1] == [(step, pytest.approx(value, rel=1e-4)) for step, value in logged[0]]


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_tf32_is_used_when_asked_for_and_else_not(precision: str) -> None:
    loop.use_precision(precision)
    allowed = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    loop.use_precision("fp32")
    assert allowed == (precision == "tf32",) * 2


@pytest.mark.parametrize(
    ("steps", "said"), [(3, "3 steps are too few"), (8, "training steps: 3\n"), (30, "training steps: 10\n")]
)
def test_a_profile_says_how_many_steps_are_in_it(steps: int, said: str, tmp_path: Path) -> None:
    method, source = fresh()
    train(method, source, Budget(steps=steps), tmp_path / "never", lambda *_: None, tmp_path / "profile")
    assert (tmp_path / "profile/operators.txt").read_text().startswith(said)


def test_groups_have_rates_and_betas_of_their_own() -> None:
    """Two steps of Adam on two weights with one gradient, by hand; the schedule's rate is that of both."""

    class Two(Method):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.slow, self.plain = (nn.Parameter(torch.ones(1)) for _ in range(2))

        def groups(self) -> list[Group]:
            return [Group([self.slow], rate=0.25, betas=(0.5, 0.9)), Group([self.plain])]

    two, gradients, rates = Two(), (1.0, -3.0), (0.1, 0.02)
    optimizer = make_optimizer(two, Budget(steps=2, optimizer="adam"))
    for rate, gradient in zip(rates, gradients, strict=True):
        set_rate(optimizer, rate)
        two.slow.grad, two.plain.grad = torch.tensor([gradient]), torch.tensor([gradient])
        optimizer.step()
    for weight, factor, (beta1, beta2) in ((two.slow, 0.25, (0.5, 0.9)), (two.plain, 1.0, (0.9, 0.999))):
        value, first, second = 1.0, 0.0, 0.0
        for step, (rate, gradient) in enumerate(zip(rates, gradients, strict=True), 1):
            first, second = beta1 * first + (1 - beta1) * gradient, beta2 * second + (1 - beta2) * gradient**2
            value -= factor * rate * first / (1 - beta1**step) / ((second / (1 - beta2**step)) ** 0.5 + 1e-8)
        assert weight.item() == pytest.approx(value, rel=1e-5)
    with pytest.raises(UsageError, match="the method sets betas, which the optimizer 'sgd' does not have"):
        make_optimizer(two, Budget(steps=2, optimizer="sgd"))


@pytest.mark.parametrize("times", [0, 2])
def test_each_weight_is_in_one_group(times: int) -> None:
    method, _ = fresh()
    weights = list(method.parameters())
    with (
        mock.patch.object(type(method), "groups", return_value=[Group(weights[1:] + times * weights[:1])]),
        pytest.raises(UsageError, match=rf"'[\w.]+' is in {times} of the method's groups"),
    ):
        make_optimizer(method, BUDGETS[0])
