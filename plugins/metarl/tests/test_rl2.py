"""RL²: advantages against the definition, the gradient of its loss, and that it remembers across episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from harness_metarl import AdaptationConfig, RL2Config, TransitionMLPConfig
from harness_metarl.adaptation import Adaptation
from harness_metarl.advantages import advantages
from harness_metarl.environments import Step
from harness_metarl.networks import TransitionMLP
from harness_metarl.rl2 import RL2
from harness_metarl.tasks import Tasks
from torch import Tensor

from harness import Data, Split, Trained

STEPS = 60


def rl2(data: Data, seed: int = 0, **options: Any) -> RL2:
    torch.manual_seed(seed)
    backbone = TransitionMLP(TransitionMLPConfig(width=16, layers=2), data.modality.shape)
    return RL2(backbone, RL2Config(**{"width": 24, "episodes": 2, **options}), data)


def test_advantages_are_the_weighted_mean_of_those_over_several_steps() -> None:
    """Schulman et al. 2016, eq. 16, where an estimate over n steps past the end is that to the end."""
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(2, 3, 6, generator=generator, dtype=torch.float64)
    found = advantages(rewards, values, 0.9, 0.7)
    for row in range(3):
        for step in range(6):
            expected = 0.0
            for n in range(1, 200):
                last = min(step + n, 6)
                over_n = sum(0.9 ** (k - step) * float(rewards[row, k]) for k in range(step, last))
                over_n += 0.9**n * float(values[row, step + n]) if step + n < 6 else 0.0
                expected += 0.3 * 0.7 ** (n - 1) * (over_n - float(values[row, step]))
            assert found[row, step].item() == pytest.approx(expected)
    returns = rewards.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(advantages(rewards, values, 1.0, 1.0), returns - values)


def test_the_gradient_is_that_of_the_score_function(robots: Data) -> None:
    """Actions and rewards are fixed: the loss is a sum of log densities times numbers, and of squared errors."""
    method = rl2(robots, entropy_weight=0.1, value_weight=0.25)
    chosen = torch.tensor([1, 4, 7])
    torch.manual_seed(3)
    loss = method.loss(chosen)["loss"]
    torch.manual_seed(3)
    log_density, values, rewards = method.trial(method.tasks[chosen])
    assert log_density.shape == rewards.shape == (3, 40)
    assert not rewards.requires_grad
    advantage = advantages(rewards, values.detach(), 0.95, 0.9)
    scaled = (advantage - advantage.mean()) / advantage.std()
    expected = (log_density * (0.1 - scaled)).mean() + 0.25 * (values - values.detach() - advantage).square().mean()
    torch.testing.assert_close(loss, expected)
    weights = list(method.parameters())
    for one, other in zip(*(torch.autograd.grad(each, weights) for each in (loss, expected)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_it_remembers_earlier_episodes_and_reads_no_task(robots: Data) -> None:
    method = rl2(robots).eval()
    generator = torch.Generator().manual_seed(0)
    start = method.begin(torch.randn(2, 2), generator)
    assert not start.any()
    one = method.notice(start, torch.randn(2, 5))
    assert not torch.equal(method.act(torch.zeros(2, 2), start), method.act(torch.zeros(2, 2), one))
    assert torch.equal(method.learn(one, torch.randn(2, 20, 5), generator), one)


class Signs:
    """Which of two directions is right is not shown: only a reward tells. Who knows it gets 1 for each step."""

    name = "line"
    task_dim = action_dim = observation_dim = start_numbers = 1
    horizon = 4

    def start(self, tasks: Tensor, uniform: Tensor) -> Tensor:  # noqa: ARG002 (the interface of environments)
        return torch.zeros_like(tasks)

    def observe(self, state: Tensor) -> Tensor:
        return state

    def step(self, tasks: Tensor, state: Tensor, action: Tensor) -> Step:
        reward = (tasks * action.clamp(-1, 1))[:, 0]
        return Step(state, reward, reward)

    def oracle(self, tasks: Tensor, state: Tensor) -> Tensor:  # noqa: ARG002 (likewise)
        return tasks


def test_it_learns_to_remember_what_a_reward_told(trained: Callable[..., Any]) -> None:
    """Without a memory, the mean return is 0 at best; a rate near zero leaves it there."""
    signs = {name: Split(torch.tensor([[-1.0], [1.0]]).repeat(15, 1)) for name in ("train", "novel")}
    data = Data.of(signs, Tasks(Signs()), torch.device("cpu"))
    found = []
    for lr in (1e-2, 1e-8):
        method = trained(rl2(data, discount=0.5), data, STEPS, lr=lr, batch_size=30).eval()
        metrics = Adaptation(AdaptationConfig(episodes=2, repeats=1)).evaluate(Trained(method, data))
        found.append(metrics["episode 2"].value)
    assert found[0] > 3
    assert abs(found[1]) < 0.5


@pytest.mark.parametrize("wrong", [{"width": 0}, {"discount": 1.5}, {"gae": -0.1}, {"entropy_weight": -1.0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RL2Config(**wrong)
