"""MAML by policy gradients, against plain loops and finite differences in float64; and that it learns to adapt."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from harness_metarl import AdaptationConfig, MAMLPGConfig, TransitionMLPConfig
from harness_metarl.adaptation import Adaptation
from harness_metarl.advantages import RIDGE
from harness_metarl.environments import Episode
from harness_metarl.maml_pg import MAMLPG, policies
from harness_metarl.networks import TransitionMLP
from numpy import ndarray
from sklearn.linear_model import Ridge

from harness import Data, Trained

STEPS = 40
STEP = 1e-4  # of finite differences
INNER_LR, DISCOUNT, GAE = 0.3, 0.8, 0.7


def maml_pg(data: Data, seed: int = 0, **options: Any) -> MAMLPG:
    torch.manual_seed(seed)
    backbone = TransitionMLP(TransitionMLPConfig(width=8, layers=2), data.modality.shape)
    return MAMLPG(backbone, MAMLPGConfig(**{"width": 16, **options}), data)


def plain_densities(policy: list[ndarray], observations: ndarray, actions: ndarray) -> ndarray:
    """Log densities (X,) of actions under a policy with one hidden layer."""
    log_std, weight, bias, last_weight, last_bias = policy
    means = np.maximum(observations @ weight.T + bias, 0) @ last_weight.T + last_bias
    errors = (actions - means) / np.exp(log_std)
    return np.asarray((-0.5 * errors**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(1))


def plain_values(observations: ndarray, returns: ndarray) -> ndarray:
    episodes, steps = returns.shape
    rows = [
        [*observations[e, t], *(observations[e, t] ** 2), *(((t + 1) / steps) ** power for power in range(4))]
        for e, t in np.ndindex(episodes, steps)
    ]
    ridge = Ridge(alpha=RIDGE * len(rows), fit_intercept=False, solver="svd").fit(rows, returns.ravel())
    return np.asarray(ridge.predict(rows)).reshape(returns.shape)


def plain_advantages(observations: ndarray, rewards: ndarray) -> ndarray:
    """Centred and scaled, of one task; the definitions, with sums over all later steps."""
    episodes, steps = rewards.shape

    def summed(what: ndarray, factor: float) -> ndarray:
        later = [[sum(factor ** (k - t) * row[k] for k in range(t, steps)) for t in range(steps)] for row in what]
        return np.array(later)

    values = np.concatenate([plain_values(observations, summed(rewards, DISCOUNT)), np.zeros((episodes, 1))], 1)
    found = summed(rewards + DISCOUNT * values[:, 1:] - values[:, :-1], DISCOUNT * GAE)
    return np.asarray((found - found.mean()) / found.std())


class Plain:
    """The loss in numpy, of weights as one vector. Inner gradients are finite differences."""

    def __init__(self, shapes: list[torch.Size], before: Episode, after: Episode) -> None:
        self.shapes = shapes
        self.before, self.after = (
            [self.numbers(each, task) for task in range(len(each.rewards))] for each in (before, after)
        )

    def numbers(self, episode: Episode, task: int) -> tuple[ndarray, ndarray, ndarray]:
        observations, actions, rewards = (part[task].numpy() for part in episode[:3])
        scaled = plain_advantages(observations, rewards)
        return observations.reshape(-1, 2), actions.reshape(-1, 2), scaled.ravel()

    def cost(self, weights: ndarray, experience: tuple[ndarray, ndarray, ndarray]) -> float:
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        policy = [part.reshape(shape) for part, shape in zip(np.split(weights, ends), self.shapes, strict=True)]
        observations, actions, scaled = experience
        return -float((plain_densities(policy, observations, actions) * scaled).mean())

    def loss(self, weights: ndarray) -> float:
        costs = []
        for before, after in zip(self.before, self.after, strict=True):
            adapted = weights - INNER_LR * slope(partial(self.cost, experience=before), weights)
            costs.append(self.cost(adapted, after))
        return sum(costs) / len(costs)


def slope(function: Callable[[ndarray], float], at: ndarray) -> ndarray:
    """The gradient by central differences."""
    return np.array([(function(at + d) - function(at - d)) / (2 * STEP) for d in STEP * np.eye(len(at))])


def test_the_gradient_passes_the_inner_step(point_robot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the loss equals finite differences of a plain one. Episodes are fixed: they have no gradient."""
    options = {"inner_lr": INNER_LR, "discount": DISCOUNT, "gae": GAE}
    method = maml_pg(point_robot(horizon=3), width=2, layers=1, episodes=2, **options).double()
    draw = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *sizes, **how: draw(*sizes, **how, dtype=torch.float64))
    chosen, weights = torch.tensor([1, 4]), list(method.parameters())
    assert [tuple(each.shape) for each in weights] == [(2,), (2, 2), (2,), (2, 2), (2,)]
    torch.manual_seed(3)
    loss = method.loss(chosen)["loss"]
    gradient = torch.cat([each.flatten() for each in torch.autograd.grad(loss, weights)]).numpy()

    torch.manual_seed(3)
    tasks, first = method.tasks[chosen], method.first_weights(2)
    before = method.collect(tasks, first)
    experience = method.experience(before.observations, before.actions, before.rewards)
    after = method.collect(tasks, method.inner_step(first, experience, INNER_LR))
    plain = Plain([each.shape for each in weights], before, after)
    at = torch.cat([each.detach().flatten() for each in weights]).numpy()
    assert loss.item() == pytest.approx(plain.loss(at), rel=1e-6)
    np.testing.assert_allclose(gradient, slope(plain.loss, at), rtol=1e-4, atol=1e-6)


def test_it_adapts_by_a_step_on_each_episode_and_draws_noise_from_the_generator(robots: Data) -> None:
    method = maml_pg(robots, inner_lr=0.2).eval()
    tasks, seen = robots.split("novel").samples[:3], torch.rand(3, 2)  # type: ignore[index]
    memory = method.begin(tasks, torch.Generator().manual_seed(0))
    same, other = (method.act(seen, method.begin(tasks, torch.Generator().manual_seed(seed))) for seed in (0, 1))
    assert torch.equal(method.act(seen, memory), same)
    assert not torch.equal(same, other)

    context = torch.randn(3, 60, 5)
    weights = method.first_weights(3)
    for number, rate in enumerate((0.2, 0.1, 0.1), 1):
        memory = method.learn(memory, context[:, : 20 * number], memory.generator)
        observations, actions, rewards = context[:, None, 20 * (number - 1) : 20 * number].split([2, 2, 1], -1)
        weights = method.inner_step(weights, method.experience(observations, actions, rewards[..., 0]), rate)
        torch.testing.assert_close(memory.weights, weights)
    mean, _ = policies(memory.weights, seen[:, None])
    alone, _ = policies([weight[1:2] for weight in memory.weights], seen[1:2, None])
    torch.testing.assert_close(mean[1:2], alone)  # each task has a policy of its own


def test_points_of_a_curve_know_the_environment_steps(robots: Data, trained: Callable[..., Any]) -> None:
    reached: list[Any] = []
    trained(maml_pg(robots, episodes=2), robots, 3, batch_size=8, looks={2: reached.append, 3: reached.append})
    per_step = 8 * 2 * 2 * 20  # tasks, before and after the inner step, episodes, horizon
    assert [each.counted for each in reached] == [{"environment steps": n * per_step} for n in (2, 3)]


def test_it_learns_to_adapt(point_robot: Any, trained: Callable[..., Any]) -> None:
    """Returns in new tasks rise by an episode's gradient; before training, or at a rate near zero, they do not."""
    data = point_robot(train=60, novel=60)
    found = []
    for lr in (1e-2, 1e-8):
        method = trained(maml_pg(data), data, STEPS, lr=lr, batch_size=40).eval()
        metrics = Adaptation(AdaptationConfig(episodes=3, repeats=2)).evaluate(Trained(method, data))
        found.append([metrics[f"episode {number}"].value for number in (1, 2, 3)])
    (first, _, last), still = found
    assert last > first + 1.5
    assert last > max(still) + 1.5
    assert still[2] < still[0]


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"discount": 1.5}, {"gae": -0.1}, {"inner_lr": 0.0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MAMLPGConfig(**wrong)
