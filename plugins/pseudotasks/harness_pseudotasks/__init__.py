"""Registers `protoclr`, `umtra` and `psco`."""

from __future__ import annotations

from dataclasses import dataclass

from harness_maml import MAMLConfig
from harness_moco import MoCoConfig

from harness import Augmentation, Register, hookimpl, option
from harness_pseudotasks.published import PROTOCLR, PSCO, UMTRA


@dataclass(frozen=True)
class ProtoCLRConfig:
    """Options of ProtoCLR."""

    queries: int = option(3, "augmented views of each image, which must find the image itself")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if self.queries < 1:
            raise ValueError(f"queries must be at least 1, not {self.queries}")


@dataclass(frozen=True)
class UMTRAConfig(MAMLConfig):
    """Options of UMTRA: those of MAML, whose tasks are random images."""

    ways: int = option(5, "random images of a training task, a class each; the most classes an evaluation may have")
    shots: int = option(1, "views of each image that a task is learned from: the image itself, the others augmented")
    queries: int = option(1, "augmented views of each image that a task is judged by")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")


@dataclass(frozen=True)
class PsCoConfig(MoCoConfig):
    """Options of PsCo: those of MoCo, on which it builds."""

    projection_dim: int = option(256, "width of the projection that the loss sees")
    hidden_dim: int = option(4096, "width of the hidden layers of projector and predictor; 0: that of the features")
    bn_splits: int = option(1, "parts of a batch that batch norm sees apart, as on so many GPUs; 1: the whole batch")
    shots: int = option(4, "keys of the queue that each image is given as the shots of its pseudo-class")
    task_temperature: float = option(1.0, "softmax temperature of the loss of the pseudo-task")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.shots <= self.queue_size:
            raise ValueError(f"shots must be between 1 and queue_size, {self.queue_size}, not {self.shots}")
        if self.task_temperature <= 0:
            raise ValueError(f"task_temperature must be positive, not {self.task_temperature}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "protoclr",
        "harness_pseudotasks.protoclr:ProtoCLR",
        ProtoCLRConfig,
        summary="ProtoNet without labels: each image of a batch is a class, views of it are its queries",
        family="metric-based",
        paper="Medina et al. 2020, arXiv:2006.11325",
        budget={"optimizer": "adam", "lr": 1e-3, "batch_size": 50},
        published=PROTOCLR,
    )
    register(
        "umtra",
        "harness_pseudotasks.umtra:UMTRA",
        UMTRAConfig,
        summary="MAML without labels: a task is a few random images, views of them are its queries",
        family="optimisation-based",
        paper="Khodadadeh et al. 2019, arXiv:1811.11819",
        budget={"optimizer": "adam", "lr": 1e-3},
        published=UMTRA,
    )
    register(
        "psco",
        "harness_pseudotasks.psco:PsCo",
        PsCoConfig,
        summary="MoCo that also solves few-shot tasks; their shots come from its queue",
        family="metric-based",
        paper="Jang et al. 2023, arXiv:2303.00996",
        budget={
            "optimizer": "sgd",
            "lr": 0.03,
            "momentum": 0.9,
            "weight_decay": 5e-4,
            "schedule": "cosine",
            "batch_size": 256,
        },
        published=PSCO,
    )
