"""ContraD: a GAN whose discriminator is trained by contrastive learning."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from harness_simclr.method import nt_xent
from torch import Tensor, nn
from torch.func import functional_call

from harness import Backbone, Data, Draw, Group, Images, Method, UsageError, Views
from harness_contrad import Config
from harness_contrad.generator import Generator
from harness_contrad.losses import supcon_fake

BETA2 = 0.999


class ContraD(Method):
    """The discriminator's backbone is the encoder. It contrasts views of real pictures with each other, and makes one
    class of what the generator makes; the head that the generator learns from sees its features, and does not change
    them (Jeong and Shin 2021, arXiv:2103.09742)."""

    config: Config
    compiles: ClassVar[bool] = False  # its loss makes a generator of random numbers

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        if not isinstance(data.modality, Images):
            raise UsageError(f"contrad makes pictures, and these are {data.modality.name}.")
        self.batches = Views(2, config.augment)
        self.modality = data.modality.augmented(config.augment)
        features, hidden = cast(Backbone, backbone).feature_dim, config.hidden_dim
        self.real, self.fake = (mlp(features, hidden, config.projection_dim) for _ in range(2))
        self.critic = mlp(features, hidden, 1)
        self.generator = Generator(config.latent_dim, config.width, tuple(cast(Tensor, data.train.samples).shape[1:]))

    def groups(self) -> list[Group]:
        betas, config = (self.config.beta1, BETA2), self.config
        made = list(self.generator.parameters())
        own = {id(weight) for weight in made}
        others = [weight for weight in self.parameters() if id(weight) not in own]
        return [Group(others, 1.0, betas), Group(made, config.generator_rate, betas)]

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W). Made pictures are augmented as real ones are, and all pass as one batch, as in the
        authors' code: batch norm over made ones alone would give away which they are, and hide what is wrong with their
        mean and contrast. Each weight has the gradient of its own network's loss."""
        number = views.shape[1]
        made = self.views_of(self.generator(self.latents(number, views.device)))
        features = self.backbone(torch.cat([*views, made.detach()]))
        real, fake = self.real(features[: 2 * number]), self.fake(features)
        contrast = nt_xent(real, self.config.temperature)
        one_class = supcon_fake(fake, number, self.config.temperature)
        score = self.critic(features.detach()).squeeze(1).float()
        gan = F.softplus(score[2 * number :]).mean() + F.softplus(-score[:number]).mean()
        generator = F.softplus(-self.judged(torch.cat([*views, made]))[2 * number :]).mean()
        loss = contrast + self.config.fake_weight * one_class + gan + generator
        return {"loss": loss, "contrast": contrast, "one_class": one_class, "gan": gan, "generator": generator}

    def judged(self, pictures: Tensor) -> Tensor:
        """The critic's scores (N,), whose gradient reaches the pictures and no weight of the discriminator."""
        features = functional_call(self.backbone, constant(self.backbone), (pictures,))
        return functional_call(self.critic, constant(self.critic), (features,)).squeeze(1).float()

    def latents(self, n: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
        """Points on the sphere (n, latent_dim); one follows the other in the numbers of `generator`."""
        drawn = [torch.randn(self.config.latent_dim, generator=generator) for _ in range(n)]
        return F.normalize(torch.stack(drawn), dim=1).to(device)

    def views_of(self, pixels: Tensor) -> Tensor:
        """A random view of each picture in [0, 1], as of real ones."""
        drawn = torch.Generator(pixels.device).manual_seed(int(torch.randint(2**62, ())))
        return self.modality.to(pixels.device).view(255 * pixels, Draw(len(pixels), drawn))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        pixels = self.generator(self.latents(n, next(self.parameters()).device, generator))
        return (255 * pixels).round().to(torch.uint8)

    def after_training(self) -> None:
        del self.real, self.fake, self.critic


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A head of two layers, as in the authors' code."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, outputs))


def constant(module: nn.Module) -> dict[str, Tensor]:
    """Its weights, to which no gradient flows, and copies of its buffers: a pass with them leaves it as it is."""
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return weights | {name: buffer.clone() for name, buffer in module.named_buffers()}
