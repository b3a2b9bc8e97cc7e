"""RL²: a recurrent policy that is trained on the return of several episodes of a task."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data
from harness_metarl import RL2Config
from harness_metarl.advantages import advantages
from harness_metarl.learner import Learner, TaskBatches
from harness_metarl.networks import LOG_STD, mlp
from harness_metarl.tasks import TaskShape, environment_of


class RL2(Learner):
    """Duan et al. 2016, arXiv:1611.02779: a recurrent network sees each transition of a trial, several episodes of one
    task, and keeps its state from episode to episode. It learns by policy gradients of the return of the whole trial,
    with a learned baseline and generalised advantages (Schulman et al. 2016, arXiv:1506.02438)."""

    config: RL2Config
    compiles: ClassVar[bool] = False  # its loss acts in environments
    tasks: Tensor
    steps: Tensor

    def __init__(self, backbone: nn.Module, config: RL2Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.environment = environment_of(data, "rl2")
        self.batches = TaskBatches()
        shape: TaskShape = data.modality.shape
        self.cell = nn.GRUCell(cast(Backbone, backbone).feature_dim, config.width)
        self.policy = mlp(shape.observations + config.width, config.width, 1, 2 * shape.actions)
        self.value = mlp(shape.observations + config.width, config.width, 1, 1)
        samples = data.train.samples
        assert isinstance(samples, Tensor)
        self.register_buffer("tasks", samples.clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (it draws nothing)
        return torch.zeros(len(tasks), self.config.width, device=tasks.device)

    def act(self, observations: Tensor, memory: Tensor) -> Tensor:
        return self.policy(torch.cat([observations, memory], -1)).chunk(2, -1)[0].tanh()

    def notice(self, memory: Tensor, transitions: Tensor) -> Tensor:
        """The next state of the network (N, width)."""
        return self.cell(self.backbone(transitions[:, None]), memory)

    def belief(self, memory: Tensor) -> Tensor:
        return memory

    def loss(self, chosen: Tensor) -> dict[str, Tensor]:
        """`chosen`: training tasks, int64 (M,), each of which is tried once."""
        log_density, values, rewards = self.trial(self.tasks[chosen])
        advantage = advantages(rewards, values.detach(), self.config.discount, self.config.gae)
        value = F.mse_loss(values, advantage + values.detach())
        scaled = (advantage - advantage.mean()) / advantage.std().clamp_min(1e-6)
        policy = -(log_density * scaled).mean() + self.config.entropy_weight * log_density.mean()
        self.steps += rewards.numel()
        return {"loss": policy + self.config.value_weight * value, "value": value, "policy": policy,
                "environment_steps": self.steps.float()}  # fmt: skip

    def trial(self, tasks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log densities of the actions that are taken, values, and rewards (M, episodes * horizon), by torch's global
        generator. The gradient passes the network's states, and not the environment."""
        memory = torch.zeros(len(tasks), self.config.width, device=tasks.device)
        taken = []
        for _ in range(self.config.episodes):
            state = self.environment.start(
                tasks, torch.rand(len(tasks), self.environment.start_numbers, device=tasks.device)
            )
            for _ in range(self.environment.horizon):
                observed = self.environment.observe(state)
                seen = torch.cat([observed, memory], -1)
                mean, log_std = self.policy(seen).float().chunk(2, -1)
                gaussian = torch.distributions.Normal(mean, log_std.clamp(*LOG_STD).exp(), validate_args=False)
                u = gaussian.sample()
                state, reward, shaped = self.environment.step(tasks, state, u.tanh())
                taken.append((gaussian.log_prob(u).sum(-1), self.value(seen)[:, 0].float(), shaped))
                memory = self.notice(memory, torch.cat([observed, u.tanh(), reward[:, None]], -1))
        log_density, values, rewards = (torch.stack(each, 1) for each in zip(*taken, strict=True))
        return log_density, values, rewards

    def counted(self) -> dict[str, float]:
        return {"environment steps": int(self.steps)}

    def after_training(self) -> None:
        for name in ("value", "tasks", "steps"):
            delattr(self, name)
