"""The losses of SAC against a loop over transitions, whose gradient reaches what; and the replay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_metarl import OffPolicyConfig, PEARLConfig, PointRobotConfig, SACConfig
from harness_metarl.environments import Episode
from harness_metarl.networks import squashed
from harness_metarl.replay import Replay
from harness_metarl.sac import SAC
from harness_metarl.tasks import TaskShape
from torch import Tensor, nn
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from harness import Data, Split, UsageError, Vectors


def test_the_density_of_an_action_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, noise = torch.randn(2, 50, 3, generator=generator, dtype=torch.float64)
    std = 0.1 + torch.rand(50, 3, generator=generator, dtype=torch.float64)
    actions, log_density = squashed(mean, std, noise)
    known = TransformedDistribution(Normal(mean, std), [TanhTransform(cache_size=1)])
    torch.testing.assert_close(actions, (mean + std * noise).tanh())
    expected = known.base_dist.log_prob(mean + std * noise).sum(-1) - (1 - actions.square()).log().sum(-1)
    torch.testing.assert_close(log_density, expected)


def test_each_loss_equals_a_loop_over_transitions(robots: Data, pearl: Any) -> None:
    method = pearl(robots, discount=0.9, reward_scale=3.0).double()
    nn.init.normal_(method.target[0].weight)  # the target is no copy of the value any more
    batch, z = method.replay.draw(torch.tensor([3, 5]), 4), torch.randn(2, 5, dtype=torch.float64)
    torch.manual_seed(1)
    found = method.losses(batch, z)
    torch.manual_seed(1)
    noise = torch.randn(2, 4, 2)
    q = value = policy = 0.0
    for parameter in method.parameters():
        parameter.requires_grad_(False)
    for task in range(2):
        for each in range(4):
            state, after = (torch.cat([part[task, each], z[task]]) for part in (batch.observations, batch.following))
            taken = torch.cat([batch.observations[task, each], batch.actions[task, each], z[task]])
            wanted = batch.shaped[task, each] + 0.9 * method.target(after)[0]
            q += sum(float((network(taken)[0] - wanted) ** 2) for network in method.q)
            mean, log_std = method.policy.layers(state).chunk(2)
            u = mean + log_std.exp() * noise[task, each]
            log_density = Normal(mean, log_std.exp()).log_prob(u).sum() - (1 - u.tanh() ** 2).log().sum()
            tried = torch.cat([batch.observations[task, each], u.tanh(), z[task]])
            best = min(float(network(tried)) for network in method.q)
            value += (float(method.value(state)) - (best - float(log_density) / 3)) ** 2
            policy += float(log_density) / 3 - best
    for name, expected in {"q": q, "value": value, "policy": policy}.items():
        assert found[name].item() == pytest.approx(expected / 8, rel=1e-4), name


def gradients(method: Any, loss: Tensor) -> set[str]:
    """The parts of the method that a loss has a gradient in."""
    method.zero_grad()
    loss.backward(retain_graph=True)
    return {
        name.split(".")[0]
        for name, weight in method.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }


def test_each_loss_teaches_its_own_network_and_the_encoder_learns_from_q_and_kl(robots: Data, pearl: Any) -> None:
    method = pearl(robots)
    z, terms = method.known(torch.tensor([0, 1]))
    terms |= method.losses(method.replay.draw(torch.tensor([0, 1]), 16), z)
    assert gradients(method, terms["q"]) == {"q", "backbone", "head"}
    assert gradients(method, terms["kl"]) == {"backbone", "head"}
    assert gradients(method, terms["value"]) == {"value"}
    assert gradients(method, terms["policy"]) == {"policy"}


def test_the_divergence_is_a_sum_over_tasks_and_the_loss_of_q_a_mean(robots: Data, pearl: Any) -> None:
    """Trap: a mean of both makes the divergence count as much less as there are tasks."""
    method = pearl(robots, kl_weight=0.5)
    seen = []
    for chosen in (torch.tensor([2]), torch.tensor([2, 2, 2])):
        torch.manual_seed(0)
        method.recent.steps[:] = method.recent.steps[:1, :1]  # every context is the same
        seen.append(method.known(chosen)[1]["kl"].item())
    assert seen[1] == pytest.approx(3 * seen[0], rel=1e-5)


def test_contexts_come_from_recent_episodes_by_the_prior(robots: Data, pearl: Any) -> None:
    """Trap: contexts of the whole replay, whose episodes a posterior made."""
    method = pearl(robots, first_episodes=1, recent_episodes=1)
    assert method.recent.filled == 20
    assert method.replay.filled == 40
    rows = method.replay.steps[:, :20]  # what was collected first, by the prior
    torch.testing.assert_close(method.recent.steps, rows)
    method.collect()
    torch.testing.assert_close(method.recent.steps, method.replay.steps[:, 40:60])
    assert not torch.equal(method.recent.steps, rows)


def test_sparse_tasks_show_the_sparse_reward_and_learn_from_the_dense_one(pearl: Any, point_robot: Any) -> None:
    method = pearl(point_robot(reward="sparse"))
    batch = method.replay.draw(torch.arange(12), 50)
    assert (batch.rewards >= 0).all()
    assert (batch.shaped < 0).all()
    assert torch.equal(batch.transitions[..., -1], batch.rewards)


def test_the_target_follows_the_value(robots: Data, sac: Any) -> None:
    method = sac(robots, target_rate=0.25)
    before = [weight.clone() for weight in method.target.parameters()]
    with torch.no_grad():
        for weight in method.value.parameters():
            weight.add_(1)
    for step in range(3):
        method.after_step(step, 10)
    for weight, start in zip(method.target.parameters(), before, strict=True):
        torch.testing.assert_close(weight, start + 1 - 0.75**3)


def test_the_floor_sees_nothing_of_the_task_and_the_ceiling_the_goal(robots: Data, sac: Any) -> None:
    seen, goals = torch.randn(2, 4, 2)
    generator = torch.Generator().manual_seed(0)
    for goal in (False, True):
        method = sac(robots, goal=goal)
        one, other = (method.act(seen, method.begin(tasks, generator)) for tasks in (goals, -goals))
        assert torch.equal(one, other) != goal
        assert bool(method.notes) == goal


def test_a_replay_keeps_the_newest_of_each_task() -> None:
    """Against a plain list; lengths do not divide the capacity."""
    replay, kept = Replay(2, 7, TaskShape(1, 1, 3)), []
    for number in range(5):
        values = torch.arange(3.0) + 10 * number + torch.tensor([[0.0], [100.0]])
        replay.add(Episode(values[..., None], -values[..., None], values + 1, values + 2, values[..., None] + 3))
        kept = [*kept, *values[1].tolist()][-7:]
        assert sorted(replay.steps[1, : replay.filled, 0].tolist()) == sorted(kept)
    torch.manual_seed(0)
    drawn = replay.draw(torch.tensor([1, 0]), 400)
    assert sorted(set(drawn.observations[0, :, 0].tolist())) == sorted(kept)
    assert (drawn.observations[1] < 100).all()
    one = drawn.observations[..., 0]
    for part, expected in zip(drawn, (one, -one, one + 1, one + 2, one + 3), strict=True):
        assert torch.equal(part.reshape(one.shape), expected)


def test_other_samples_are_refused() -> None:
    vectors = Split(torch.randn(20, 3))
    data = Data.of({"train": vectors}, Vectors.of(vectors.samples, 0.5), torch.device("cpu"))
    with pytest.raises(UsageError, match="sac acts in environments, and the samples are vectors"):
        SAC(nn.Identity(), SACConfig(), data)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (OffPolicyConfig, {"width": 0}),
        (OffPolicyConfig, {"discount": 1.0}),
        (OffPolicyConfig, {"reward_scale": 0.0}),
        (OffPolicyConfig, {"target_rate": 0.0}),
        (PEARLConfig, {"kl_weight": -1.0}),
        (PEARLConfig, {"latent_dim": 0}),
        (PointRobotConfig, {"horizon": 0}),
    ],
)
def test_impossible_options_are_refused(config: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        config(**wrong)
