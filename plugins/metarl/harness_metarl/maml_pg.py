"""MAML by policy gradients: first weights of a policy from which one gradient step adapts to a task."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call, grad, vmap

from harness import Data
from harness_metarl import MAMLPGConfig
from harness_metarl.advantages import advantages, linear_baseline
from harness_metarl.environments import Episode, rollout
from harness_metarl.learner import Learner, TaskBatches
from harness_metarl.networks import LOG_STD, mlp
from harness_metarl.sac import constant
from harness_metarl.tasks import TaskShape, environment_of

LATER = 0.5  # of the rate, for the steps after the first, as in the paper (appendix A.2)

Weights = dict[str, Tensor]
"""Weights of the policy by name, (M, ...): each of M tasks has its own."""


class Adapted(NamedTuple):
    """The policies of N tasks, and the source of their noise."""

    weights: Weights
    generator: torch.Generator


class Experience(NamedTuple):
    """What M tasks learn from: X steps of E episodes each."""

    observations: Tensor  # (M, X, O)
    actions: Tensor  # (M, X, A)
    advantages: Tensor  # (M, X)


class GaussianPolicy(nn.Module):
    """Means are a perceptron of the observation; deviations are weights. Samples are not squashed."""

    def __init__(self, inputs: int, width: int, layers: int, actions: int) -> None:
        super().__init__()
        self.layers = mlp(inputs, width, layers, actions)
        self.log_std = nn.Parameter(torch.zeros(actions))

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.layers(observations).to(self.log_std.dtype)
        return mean, self.log_std.clamp(*LOG_STD).exp().expand_as(mean)


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
        self.policy = GaussianPolicy(shape.observations, config.width, config.layers, shape.actions)
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
        loss = vmap(self.cost)(adapted, self.experience(after.observations, after.actions, after.shaped)).mean()
        self.steps += before.rewards.numel() + after.rewards.numel()
        return {"loss": loss, "return": after.rewards.sum(-1).mean(), "environment_steps": self.steps.float()}

    def first_weights(self, tasks: int) -> Weights:
        return {name: weight.expand(tasks, *weight.shape) for name, weight in self.policy.named_parameters()}

    def inner_step(self, weights: Weights, experience: Experience, rate: float) -> Weights:
        """One step of gradient descent in each task. The result has a gradient by the weights before it."""
        gradients = vmap(grad(self.cost))(weights, experience)
        return {name: weight - rate * gradients[name] for name, weight in weights.items()}

    def cost(self, weights: Weights, experience: Experience) -> Tensor:
        """Of one task: what has the negative policy gradient as its gradient (Williams 1992)."""
        mean, std = functional_call(self.policy, weights, (experience.observations,))
        log_density = Normal(mean, std, validate_args=False).log_prob(experience.actions).sum(-1)
        return -(log_density * experience.advantages).mean()

    def policies(self, weights: Weights, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations (M, X, A) for observations (M, X, O)."""
        mean, std = vmap(lambda own, seen: functional_call(self.policy, own, (seen,)))(weights, observations)
        return mean, std

    @torch.no_grad()
    def collect(self, tasks: Tensor, weights: Weights) -> Episode:
        """Episodes (M, E, T, ...) of each task by its own weights, by torch's global generator."""
        each = tasks.repeat_interleave(self.config.episodes, 0)

        def act(seen: Tensor) -> Tensor:
            return torch.normal(*self.policies(weights, seen.unflatten(0, (len(tasks), -1)))).flatten(0, 1)

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
        mean, std = (part[:, 0] for part in self.policies(memory.weights, observations[:, None]))
        return mean + std * torch.randn(mean.shape, generator=memory.generator).to(mean.device)

    def learn(self, memory: Adapted, context: Tensor, generator: torch.Generator) -> Adapted:  # noqa: ARG002 (it has one)
        """One step on the latest episode, which the policy made as it is now; the rate of later steps is halved."""
        horizon, sizes = self.environment.horizon, [self.environment.observation_dim, self.environment.action_dim, 1]
        observations, actions, rewards = context[:, None, -horizon:].split(sizes, -1)
        rate = self.config.inner_lr * (1.0 if context.shape[1] == horizon else LATER)
        experience = self.experience(observations, actions, rewards[..., 0])
        return memory._replace(weights=self.inner_step(memory.weights, experience, rate))

    def after_training(self) -> None:
        for name in ("tasks", "steps"):
            delattr(self, name)
