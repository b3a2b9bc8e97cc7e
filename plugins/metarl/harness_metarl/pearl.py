"""PEARL: SAC that conditions on a posterior over the task."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data
from harness_metarl import PEARLConfig
from harness_metarl.posterior import Gaussian, kl_from_standard, product
from harness_metarl.replay import Replay
from harness_metarl.sac import OffPolicy


class Belief(NamedTuple):
    """The posterior (N, D), and the sample that the policy acts by."""

    posterior: Gaussian
    z: Tensor


class PEARL(OffPolicy):
    """Rakelly et al. 2019, arXiv:1903.08254: q(z | context) is a product of Gaussians, one of each transition. The
    encoder learns from the loss of Q and from the divergence to the prior alone."""

    config: PEARLConfig

    def __init__(self, backbone: nn.Module, config: PEARLConfig, data: Data) -> None:
        super().__init__(backbone, config, data, config.latent_dim)
        self.head = nn.Linear(cast(Backbone, backbone).feature_dim, 2 * config.latent_dim)
        self.recent = Replay(len(self.tasks), config.recent_episodes * self.environment.horizon, data.modality.shape)
        for _ in range(config.first_episodes):
            self.collect()

    def infer(self, context: Tensor) -> Gaussian:
        """The posterior (N, D) of contexts (N, C, O + A + 1); the backbone sees each transition as a context of one."""
        features = self.backbone(context.flatten(0, 1)[:, None])
        mean, spread = self.head(features).float().unflatten(0, context.shape[:2]).chunk(2, -1)
        return product(Gaussian(mean, F.softplus(spread)))

    def known(self, chosen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The divergence is a sum over tasks where the loss of Q is a mean, as in the authors' code. There Q is of
        scaled rewards, and its loss larger by the square of the scale; here the divergence is smaller by as much."""
        posterior = self.infer(self.recent.draw(chosen, self.config.context).transitions)
        z = posterior.sample(torch.randn_like(posterior.mean))
        weight = self.config.kl_weight / self.config.reward_scale**2
        return z, {"kl": weight * kl_from_standard(posterior).sum()}

    @torch.no_grad()
    def collect(self) -> None:
        """An episode by a z of the prior, which contexts are made of, and one by a z of the posterior."""
        every = torch.arange(len(self.tasks), device=self.tasks.device)
        z = torch.randn(len(every), self.config.latent_dim, device=every.device)
        first = self.episode(z)
        self.replay.add(first)
        self.recent.add(first)
        posterior = self.infer(self.recent.draw(every, self.config.context).transitions)
        self.replay.add(self.episode(posterior.sample(torch.randn_like(z))))

    def encode(self, inputs: Tensor) -> Tensor:
        """The posterior mean of contexts."""
        return self.infer(inputs).mean

    def begin(self, tasks: Tensor, generator: torch.Generator) -> Belief:
        mean = torch.zeros(len(tasks), self.config.latent_dim, device=tasks.device)
        return self.drawn(Gaussian(mean, torch.ones_like(mean)), generator)

    def learn(self, memory: Any, context: Tensor, generator: torch.Generator) -> Belief:  # noqa: ARG002 (all is in the context)
        return self.drawn(self.infer(context), generator)

    def drawn(self, posterior: Gaussian, generator: torch.Generator) -> Belief:
        noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean.device)
        return Belief(posterior, posterior.sample(noise))

    def act(self, observations: Tensor, memory: Belief) -> Tensor:
        return self.policy(torch.cat([observations, memory.z], -1))

    def belief(self, memory: Belief) -> Tensor:
        return memory.posterior.mean

    def after_training(self) -> None:
        super().after_training()
        del self.recent
