"""Soft actor-critic over many tasks: a base class for PEARL, and the method `sac`."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from harness import Data
from harness_metarl import OffPolicyConfig, SACConfig
from harness_metarl.environments import Episode, rollout
from harness_metarl.learner import Learner, TaskBatches
from harness_metarl.networks import Policy, mlp
from harness_metarl.replay import Replay
from harness_metarl.tasks import TaskShape, environment_of


class OffPolicy(Learner):
    """SAC (Haarnoja et al. 2018, arXiv:1801.01290) whose networks also see what is known of the task, z (N, known).

    Whole episodes of all training tasks are collected between steps. All networks learn in one update, each with the
    gradient of its own loss: the losses of value and policy reach neither Q nor z.
    """

    config: OffPolicyConfig
    compiles: ClassVar[bool] = False  # its loss draws from a replay that grows
    tasks: Tensor

    def __init__(self, backbone: nn.Module, config: OffPolicyConfig, data: Data, known: int) -> None:
        super().__init__(backbone, config, data)
        self.environment = environment_of(data, type(self).__name__)
        self.batches = TaskBatches()
        shape: TaskShape = data.modality.shape
        observed, size = shape.observations + known, (config.width, config.layers)
        self.policy = Policy(observed, *size, shape.actions)
        self.q = nn.ModuleList(mlp(observed + shape.actions, *size, 1) for _ in range(2))
        self.value = mlp(observed, *size, 1)
        self.target = copy.deepcopy(self.value).requires_grad_(False)
        samples = data.train.samples
        assert isinstance(samples, Tensor)
        self.register_buffer("tasks", samples.cpu().clone())  # it acts before it is moved to a device
        self.replay = Replay(len(samples), config.replay, shape)

    def known(self, chosen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What is known of tasks, z (M, known), with its gradient; and further terms of the loss by name, weighted."""
        raise NotImplementedError(f"{type(self).__name__} has no known")

    def collect(self) -> None:
        """Collect whole episodes of all training tasks."""
        raise NotImplementedError(f"{type(self).__name__} has no collect")

    def loss(self, chosen: Tensor) -> dict[str, Tensor]:
        """`chosen`: training tasks, int64 (M,)."""
        z, terms = self.known(chosen)
        terms |= self.losses(self.replay.draw(chosen, self.config.transitions), z)
        return {"loss": torch.stack(list(terms.values())).sum(), **terms, "environment_steps": self.steps.float()}

    def losses(self, batch: Episode, z: Tensor) -> dict[str, Tensor]:
        """The losses of Q, value and policy: eqs. 5 to 13 of Haarnoja et al. 2018. Instead of rewards that are scaled
        up, entropy is scaled down, so that networks give values of the size of rewards; the optimum is the same."""
        z = z[:, None].expand(-1, batch.rewards.shape[1], -1)
        fixed = z.detach()
        with torch.no_grad():
            following = self.target(torch.cat([batch.following, z], -1))[..., 0]
            wanted = q_target(batch.shaped, following, self.config.discount)
        seen = torch.cat([batch.observations, batch.actions, z], -1)
        q = sum(F.mse_loss(each(seen)[..., 0].float(), wanted) for each in self.q)
        state = torch.cat([batch.observations, fixed], -1)
        actions, log_density = self.policy.sample(state)
        best = self.judged(torch.cat([batch.observations, actions, fixed], -1))
        cost = log_density / self.config.reward_scale
        value = F.mse_loss(self.value(state)[..., 0].float(), (best - cost).detach())
        return {"q": torch.as_tensor(q), "value": value, "policy": (cost - best).mean()}

    def judged(self, seen: Tensor) -> Tensor:
        """The lower of both Q (M, B), whose gradient reaches the actions and no weight of Q."""
        both = [
            functional_call(each, {name: w.detach() for name, w in each.named_parameters()}, seen) for each in self.q
        ]
        return torch.minimum(*both)[..., 0].float()

    @property
    def steps(self) -> Tensor:
        """Of the environment, in all training tasks."""
        return self.replay.added * len(self.tasks)

    def counted(self) -> dict[str, float]:
        return {"environment steps": int(self.steps)}

    @torch.no_grad()
    def after_step(self, step: int, steps: int) -> None:
        for target, value in zip(self.target.parameters(), self.value.parameters(), strict=True):
            target.lerp_(value, self.config.target_rate)
        if (step + 1) % self.config.collect_every == 0 and step + 1 < steps:
            self.collect()

    @torch.no_grad()
    def episode(self, z: Tensor) -> Episode:
        """One episode of every training task, with the noise of the policy, by torch's global generator."""
        tasks = self.tasks
        uniform = torch.rand(len(tasks), self.environment.start_numbers, device=tasks.device)
        return rollout(self.environment, tasks, uniform, lambda seen: self.policy.sample(torch.cat([seen, z], -1))[0])

    def after_training(self) -> None:
        """Keep what acts and encodes: the policy, and the encoder."""
        for name in ("q", "value", "target", "replay", "tasks"):
            delattr(self, name)


def q_target(reward: Tensor, following: Tensor, discount: float) -> Tensor:
    """r + discount * V(s'). The end of an episode is a limit of time and no state, so that it has a value as others."""
    return reward + discount * following


class SAC(OffPolicy):
    """One policy for all tasks: without z it is the floor of what adaptation is worth, and with `goal` it is told the
    task, which is the ceiling. It does not use the backbone, whose weights stay as they are."""

    config: SACConfig

    def __init__(self, backbone: nn.Module, config: SACConfig, data: Data) -> None:
        dim = environment_of(data, "sac").task_dim
        super().__init__(constant(backbone), config, data, dim if config.goal else 0)
        if config.goal:
            self.notes = ("it is told the task, as no method that adapts is",)
        for _ in range(config.first_episodes):
            self.collect()

    def told(self, tasks: Tensor) -> Tensor:
        return tasks if self.config.goal else tasks[:, :0]

    def known(self, chosen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.told(self.tasks[chosen]), {}

    def collect(self) -> None:
        self.replay.add(self.episode(self.told(self.tasks)))

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Any:  # noqa: ARG002 (it draws nothing)
        return self.told(tasks)

    def act(self, observations: Tensor, memory: Any) -> Tensor:
        return self.policy(torch.cat([observations, memory], -1))


def constant(network: nn.Module) -> nn.Module:
    """A network that a method does not train: its weights become buffers of the same names."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, weight.detach())
    return network
