"""Registers the method `contrad` and the evaluator `generation`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Options of ContraD."""

    temperature: float = option(0.1, "softmax temperature of both contrastive losses")
    fake_weight: float = option(1.0, "lambda_con: weight of the loss in which all generated samples are one class")
    projection_dim: int = option(128, "width of the two projections that the contrastive losses see")
    hidden_dim: int = option(512, "width of the hidden layers of projections and of the GAN's head")
    latent_dim: int = option(128, "size of the generator's random input")
    width: int = option(64, "channels of the generator's last maps; each coarser one has twice as many")
    beta1: float = option(0.5, "Adam's beta1 of discriminator and generator; beta2 is .999")
    generator_rate: float = option(1.0, "the generator's learning rate, in those of the discriminator")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation, of real and made pictures")

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if self.fake_weight < 0 or self.generator_rate <= 0:
            raise ValueError("fake_weight must not be negative, and generator_rate must be positive")
        if min(self.projection_dim, self.hidden_dim, self.latent_dim, self.width) < 1:
            raise ValueError("projection_dim, hidden_dim, latent_dim and width must be at least 1")
        if not 0 <= self.beta1 < 1:
            raise ValueError(f"beta1 must be at least 0 and below 1, not {self.beta1}")


@dataclass(frozen=True)
class GenerationConfig:
    """Options of the distances between what a method makes and real samples."""

    samples: int = option(1000, "samples that are made, and real ones that they are compared with")
    split: str = option("test", "split of the real samples")
    seed: int = option(0, "of the random numbers that samples are made of")

    def __post_init__(self) -> None:
        if self.samples < 100:
            raise ValueError(f"samples must be at least 100, not {self.samples}")


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "generation",
        "harness_contrad.generation:Generation",
        GenerationConfig,
        summary="FID and KID of generated samples, in the features of a judge: another cell of the suite",
        paper="Heusel et al. 2017, arXiv:1706.08500; Binkowski et al. 2018, arXiv:1801.01401",
    )


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "contrad",
        "harness_contrad.method:ContraD",
        Config,
        summary="A GAN whose discriminator is the encoder and is trained by contrastive losses",
        paper="Jeong and Shin 2021, arXiv:2103.09742",
        budget={"optimizer": "adam", "lr": 2e-4, "batch_size": 64},
    )
