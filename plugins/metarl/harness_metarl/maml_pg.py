"""MAML by policy gradients: first weights of a policy from which one gradient step adapts to a task."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import grad

from harness import Data
from harness_metarl import MAMLPGConfig
from harness_metarl.advantages import advantages, linear_baseline
from harness_metarl.environments import Episode, rollout
from harness_metarl.learner import Learner, TaskBatches
from harness_metarl.networks import LOG_STD, mlp
from harness_metarl.sac import constant
from harness_metarl.tasks import TaskShape, environment_of

LATER = 0.5  # of the rate, for the steps after the first, as in the paper (appendix A.2)

Weights = list[Tensor]
"""Those of a policy, (M, ...): each of M tasks has its own. Log deviations, and weight and bias of each layer."""


class Adapted(NamedTuple):
    """The policies of N tasks, and the source of their noise."""

    weights: Weights
    generator: torch.Generator


class Experience(NamedTuple):
    """What M tasks learn from: X steps of E episodes each."""

    observations: Tensor  # (M, X, O)
    actions: Tensor  # (M, X, A)
    advantages: Tensor  # (M, X)


class MAMLPG(Learner):
    """Finn et al. 2017, arXiv:1703.03400, algorithm 3: each task adapts the policy by one step of REINFORCE on episodes
    of its own, and the first weights learn from the policy gradient of the adapted policies in new episodes, through
    that step. The gradient of the first episodes' distribution is left out, as in the authors' code."""

    config: MAMLPGConfig
    compiles: ClassVar[bool] = False  # its loss acts in environments
    notes = ("it acts with the noise of its policy, as without noise its gradient would be zero",)
    tasks: Tensor
    steps: Tensor

    def __init__(self, backbone: nn.Module, config: MAMLPGConfig, data: Data) -> None:
        super().__init__(constant(backbone), config, data)
        self.environment = environment_of(data, "maml_pg")
        self.batches = TaskBatches()
        shape: TaskShape = data.modality.shape
        self.mean = mlp(shape.observations, config.width, config.layers, shape.actions)
        self.log_std = nn.Parameter(torch.zeros(shape.actions))
        samples = data.train.samples
        assert isinstance(samples, Tensor)
        self.register_buffer("tasks", samples.clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def loss(self, chosen: Tensor) -> dict[str, Tensor]:
        """`chosen`: training tasks, int64 (M,)."""
        tasks, first = self.tasks[chosen], self.first_weights(len(chosen))
        before = self.collect(tasks, first)
        experience = self.experience(before.observations, before.actions, before.rewards)
        adapted = self.inner_step(first, experience, self.config.inner_lr)
        after = self.collect(tasks, adapted)
        loss = cost(adapted, self.experience(after.observations, after.actions, after.shaped)).mean()
        self.steps += before.rewards.numel() + after.rewards.numel()
        return {"loss": loss, "return": after.rewards.sum(-1).mean(), "environment_steps": self.steps.float()}

    def first_weights(self, tasks: int) -> Weights:
        return [weight.expand(tasks, *weight.shape) for weight in (self.log_std, *self.mean.parameters())]

    def inner_step(self, weights: Weights, experience: Experience, rate: float) -> Weights:
        """One step of gradient descent in each task. The result has a gradient by the weights before it."""
        gradients = grad(lambda own: cost(own, experience).sum())(weights)
        return [weight - rate * gradient for weight, gradient in zip(weights, gradients, strict=True)]

    @torch.no_grad()
    def collect(self, tasks: Tensor, weights: Weights) -> Episode:
        """Episodes (M, E, T, ...) of each task by its own weights, by torch's global generator."""
        each = tasks.repeat_interleave(self.config.episodes, 0)

        def act(seen: Tensor) -> Tensor:
            return torch.normal(*policies(weights, seen.unflatten(0, (len(tasks), -1)))).flatten(0, 1)

        uniform = torch.rand(len(each), self.environment.start_numbers, device=tasks.device)
        found = rollout(self.environment, each, uniform, act)
        return Episode(*(part.unflatten(0, (len(tasks), -1)) for part in found))

    def experience(self, observations: Tensor, actions: Tensor, rewards: Tensor) -> Experience:
        """Of episodes (M, E, T, ...): advantages over a linear baseline of each task, centred and scaled."""
        gamma, flat = self.config.discount, rewards.flatten(0, 1)
        returns = advantages(flat, torch.zeros_like(flat), gamma, 1.0).view_as(rewards)
        values = linear_baseline(observations, returns).flatten(0, 1)
        found = advantages(flat, values, gamma, self.config.gae).view(len(rewards), -1)
        scaled = (found - found.mean(1, keepdim=True)) / found.std(1, keepdim=True, correction=0).clamp_min(1e-6)
        return Experience(observations.flatten(1, 2), actions.flatten(1, 2), scaled)

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Adapted:
        return Adapted(self.first_weights(len(tasks)), generator)

    def act(self, observations: Tensor, memory: Adapted) -> Tensor:
        mean, std = (part[:, 0] for part in policies(memory.weights, observations[:, None]))
        return mean + std * torch.randn(mean.shape, generator=memory.generator).to(mean.device)

    def learn(self, memory: Adapted, context: Tensor, generator: torch.Generator) -> Adapted:  # noqa: ARG002 (it has one)
        """One step on the latest episode, which the policy made as it is now; the rate of later steps is halved."""
        horizon, sizes = self.environment.horizon, [self.environment.observation_dim, self.environment.action_dim, 1]
        observations, actions, rewards = context[:, None, -horizon:].split(sizes, -1)
        rate = self.config.inner_lr * (1.0 if context.shape[1] == horizon else LATER)
        experience = self.experience(observations, actions, rewards[..., 0])
        return memory._replace(weights=self.inner_step(memory.weights, experience, rate))

    def counted(self) -> dict[str, float]:
        return {"environment steps": int(self.steps)}

    def after_training(self) -> None:
        for name in ("tasks", "steps"):
            delattr(self, name)


def policies(weights: Weights, observations: Tensor) -> tuple[Tensor, Tensor]:
    """Means and deviations (M, X, A) for observations (M, X, O). Samples are not squashed."""
    log_std, *layers = weights
    hidden = mean = observations
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        mean = torch.baddbmm(bias[:, None], hidden, weight.mT)
        hidden = mean.relu()
    mean = mean.to(log_std.dtype)
    return mean, log_std.clamp(*LOG_STD).exp()[:, None].expand_as(mean)


def cost(weights: Weights, experience: Experience) -> Tensor:
    """Of each task (M,): what has the negative policy gradient as its gradient (Williams 1992)."""
    gaussian = Normal(*policies(weights, experience.observations), validate_args=False)
    log_density = gaussian.log_prob(experience.actions).sum(-1)
    return -(log_density * experience.advantages).mean(1)
