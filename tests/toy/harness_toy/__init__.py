"""A plugin as a stranger would write it: small, quick parts with known answers, and parts that fail on purpose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class BlobsConfig:
    classes: int = option(6, "number of classes")
    per_class: int = option(24, "samples of each")
    marker: Path | None = option(None, "a file to read", identity=False)

    def fingerprint(self) -> str:
        return self.marker.read_text() if self.marker else "none"


@dataclass(frozen=True)
class FlatConfig:
    width: int = option(16, "features")


@dataclass(frozen=True)
class CentroidConfig:
    temperature: float = option(1.0, "softmax temperature")
    sizes: tuple[int, ...] = option((1, 2), "a list of numbers")
    mode: Literal["fast", "slow"] = option("fast", "one of two")
    seconds: float = option(0.0, "to sleep per step", identity=False)

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError("temperature must be positive")


@dataclass(frozen=True)
class FailingConfig:
    step: int = option(3, "when")
    how: Literal["raise", "kill", "nan"] = option("raise", "what")
    unless: Path | None = option(None, "a file whose presence prevents it", identity=False)


@dataclass(frozen=True)
class MisbehavingConfig:
    how: Literal["hang", "grow", "allocate", "spoil", "leave", "explain", "abort", "crash"] = option("hang", "what")


@dataclass(frozen=True)
class NearestConfig:
    split: str = option("test", "which split to score")


@dataclass(frozen=True)
class EngineConfig:
    hold: bool = option(False, "keep cells waiting until a later run adopts them")
    restarted: Path | None = option(None, "start jobs that are killed once more, and make this file before")
    shared: bool = option(True, "whether its jobs see the results folder")
    memory_gb: float | None = option(None, "of a job")
    minutes: int | None = option(None, "of a job")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "classify", "harness_toy.parts:Classify", CentroidConfig, summary="a linear classifier", paper="arXiv:0000"
    )
    register("fail", "harness_toy.parts:Fail", FailingConfig, summary="fails on purpose")
    register("misbehave", "harness_toy.faults:Misbehave", MisbehavingConfig, summary="hangs or takes memory")
    register("idle", "harness_toy.parts:Idle", summary="learns nothing")


@hookimpl
def register_backbones(register: Register) -> None:
    register("flat", "harness_toy.parts:Flat", FlatConfig, modality="images", summary="one linear layer")


@hookimpl
def register_datasets(register: Register) -> None:
    register("blobs", "harness_toy.parts:Blobs", BlobsConfig, modality="images", summary="noisy colours")
    register("broken", "harness_toy.parts:Broken", modality="images", summary="cannot be loaded")
    register("deadly", "harness_toy.parts:Deadly", modality="images", summary="kills the process that loads it")


@hookimpl
def register_evaluators(register: Register) -> None:
    register("nearest", "harness_toy.parts:Nearest", NearestConfig, summary="nearest class mean")
    register("failing", "harness_toy.parts:Failing", summary="an evaluator that raises")


@hookimpl
def register_executors(register: Register) -> None:
    register("engine", "harness_toy.engine:Engine", EngineConfig, summary="jobs that outlive their run")
