"""Registers `simsiam`."""

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Options of SimSiam."""

    projection_dim: int = option(2048, "width of the projector's layers and of the predictor's output")
    hidden_dim: int = option(512, "width of the predictor's hidden layer")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if self.projection_dim < 1 or self.hidden_dim < 1:
            raise ValueError("projection_dim and hidden_dim must be at least 1")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "simsiam",
        "harness_simsiam.method:SimSiam",
        Config,
        summary="Predicts each view's projection from the other view's, without negatives",
        family="self-distillation",
        paper="Chen and He 2021, arXiv:2011.10566",
        budget={"optimizer": "sgd", "lr": 0.03, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine"},
    )
