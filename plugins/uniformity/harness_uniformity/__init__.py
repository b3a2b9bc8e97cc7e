"""Registers `uniformity`."""

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Options of alignment and uniformity."""

    split: str = option("test", "split whose features are measured")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation, for alignment's two views")
    seed: int = option(0, "decides the views; nothing else does, so every method and cell seed meets the same ones")


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "uniformity",
        "harness_uniformity.evaluator:Uniformity",
        Config,
        summary="How close the views of an image lie on the sphere, and how evenly images cover it",
        paper="Wang and Isola 2020, arXiv:2005.10242",
    )
