"""Registers the evaluator `continual` and the methods `oml`, `er`, `lwf`, `lump` and `cassle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness_simclr import Config as SimCLRConfig

from harness import Augmentation, Register, hookimpl, option

Learner = Literal["ncm", "slda", "softmax", "replay", "joint", "own"]
Scenario = Literal["class", "task", "domain"]


@dataclass(frozen=True)
class ContinualConfig:
    """Options of learning from a stream on frozen features."""

    learner: Learner = option(
        "ncm",
        "ncm: nearest class mean; slda: streaming linear discriminant analysis; softmax: one Adam step per sample; "
        "replay: softmax with a memory; joint: softmax on all samples at once, the ceiling; own: the method's `online`",
    )
    scenario: Scenario = option(
        "class",
        "class: among all classes seen; task: among the classes of the sample's task, which is told; domain: each "
        "task has the same labels for other classes",
    )
    classes: int = option(100, "classes of a stream")
    task_classes: int = option(1, "classes that arrive together, as a task; their samples are shuffled")
    shots: int = option(15, "samples of each class to learn from, each seen once")
    test: int = option(5, "samples of each class to classify")
    orders: int = option(10, "number of streams: random classes in a random order")
    memory: int = option(200, "samples that `replay` keeps (reservoir sampling)")
    replayed: int = option(10, "samples of the memory that `replay` learns again with each new one")
    learning_rates: tuple[float, ...] = option(
        (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
        "candidates for Adam of softmax, replay and joint; streams of the validation classes choose",
    )
    split: str = option("novel", "split that streams are drawn from")
    validation: str = option("validation", "split of other classes, whose streams choose the learning rate")
    seed: int = option(0, "decides the streams and what is replayed; every method and cell seed meets the same streams")

    def __post_init__(self) -> None:
        if min(self.task_classes, self.shots, self.test, self.orders, self.memory, self.replayed) < 1:
            raise ValueError("task_classes, shots, test, orders, memory and replayed must be at least 1")
        if self.scenario != "class" and self.task_classes < 2:
            raise ValueError(
                f"task_classes must be at least 2 in the scenario {self.scenario}: with 1, nothing is asked"
            )
        if self.classes % self.task_classes or self.tasks < 2:
            raise ValueError(
                f"classes must be two or more tasks of {self.task_classes} (task_classes), not {self.classes}"
            )
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(f"learning_rates must be positive, and at least one, not {list(self.learning_rates)}")

    @property
    def tasks(self) -> int:
        return self.classes // self.task_classes

    @property
    def ways(self) -> int:
        """Labels of a stream."""
        return self.task_classes if self.scenario == "domain" else self.classes


@dataclass(frozen=True)
class OMLConfig:
    """Options of OML. The number of random samples in a step is the budget's batch_size."""

    classes: int = option(1, "classes of a step's stream, one after the other")
    shots: int = option(15, "samples of each")
    inner_lr: float = option(0.03, "learning rate of the head on a stream, in training and afterwards")

    def __post_init__(self) -> None:
        if min(self.classes, self.shots) < 1 or self.inner_lr <= 0:
            raise ValueError("classes and shots must be at least 1, and inner_lr positive")


@dataclass(frozen=True)
class TasksConfig:
    """Options of a training along a stream of tasks."""

    tasks: int = option(5, "groups of consecutive classes, where the data have no column `task`")
    passes: int = option(1, "passes over a task before the next one; the last task continues to the end of the budget")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if min(self.tasks, self.passes) < 1:
            raise ValueError("tasks and passes must be at least 1")


@dataclass(frozen=True)
class ERConfig(TasksConfig):
    """Options of experience replay."""

    memory: int = option(200, "samples of earlier tasks that are kept; 0: none, a lower bound")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory < 0:
            raise ValueError(f"memory must be at least 0, not {self.memory}")


@dataclass(frozen=True)
class LwFConfig(TasksConfig):
    """Options of learning without forgetting."""

    weight: float = option(1.0, "weight of the distillation of old logits")
    temperature: float = option(2.0, "by which logits are divided before they are compared")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight < 0 or self.temperature <= 0:
            raise ValueError("weight must be at least 0, and temperature positive")


@dataclass(frozen=True)
class ERSimCLRConfig(SimCLRConfig):
    """Options of SimCLR with experience replay: those of SimCLR, and of the stream."""

    tasks: int = option(5, "groups of consecutive classes, where the data have no column `task`")
    passes: int = option(1, "passes over a task before the next one; the last task continues to the end of the budget")
    memory: int = option(256, "samples of earlier tasks that are kept; 0: none, a lower bound")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.tasks, self.passes) < 1 or self.memory < 0:
            raise ValueError("tasks and passes must be at least 1, and memory at least 0")


@dataclass(frozen=True)
class LUMPConfig(ERSimCLRConfig):
    """Options of LUMP: those of SimCLR, and of the stream."""

    alpha: float = option(0.4, "of the Beta distribution of the share of new samples in a mixture")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha <= 0:
            raise ValueError(f"alpha must be positive, not {self.alpha}")


@dataclass(frozen=True)
class CaSSLeConfig(SimCLRConfig):
    """Options of CaSSLe: those of SimCLR, and of the stream."""

    tasks: int = option(5, "groups of consecutive classes, where the data have no column `task`")
    passes: int = option(1, "passes over a task before the next one; the last task continues to the end of the budget")
    weight: float = option(1.0, "weight of the distillation of earlier projections")
    predictor_dim: int = option(2048, "width of the predictor's hidden layer")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.tasks, self.passes, self.predictor_dim) < 1 or self.weight < 0:
            raise ValueError("tasks, passes and predictor_dim must be at least 1, and weight at least 0")


SUPERVISED = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "constant"}
CONTRASTIVE = {**SUPERVISED, "lr": 0.06}  # for a batch of 128, as simclr; no task comes at a smaller rate than others


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "oml",
        "harness_continual.oml:OML",
        OMLConfig,
        summary="Meta-learns features on which a linear head learns a stream without forgetting other classes",
        family="meta-learning",
        paper="Javed and White 2019, arXiv:1905.12588",
        budget={"optimizer": "adam", "lr": 1e-3},
    )
    register(
        "er",
        "harness_continual.along:ER",
        ERConfig,
        summary="Supervised training along a stream of tasks, with a memory of earlier ones",
        family="continual",
        paper="Chaudhry et al. 2019, arXiv:1902.10486",
        budget=SUPERVISED,
    )
    register(
        "lwf",
        "harness_continual.along:LwF",
        LwFConfig,
        summary="Supervised training along a stream of tasks, with distillation of the logits of earlier classes",
        family="continual",
        paper="Li and Hoiem 2016, arXiv:1606.09282",
        budget=SUPERVISED,
    )
    register(
        "er_simclr",
        "harness_continual.along:ERSimCLR",
        ERSimCLRConfig,
        summary="SimCLR along a stream of tasks, on new samples and a memory of earlier ones",
        family="continual",
        paper="Chaudhry et al. 2019, arXiv:1902.10486, with the loss of SimCLR",
        budget=CONTRASTIVE,
    )
    register(
        "lump",
        "harness_continual.along:LUMP",
        LUMPConfig,
        summary="SimCLR along a stream of tasks, on mixtures of new samples with a memory of earlier ones",
        family="continual",
        paper="Madaan et al. 2022, arXiv:2110.06976",
        budget=CONTRASTIVE,
    )
    register(
        "cassle",
        "harness_continual.along:CaSSLe",
        CaSSLeConfig,
        summary="SimCLR along a stream of tasks, with distillation of the projections before each task",
        family="continual",
        paper="Fini et al. 2022, arXiv:2112.04215",
        budget=CONTRASTIVE,
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "continual",
        "harness_continual.evaluator:Continual",
        ContinualConfig,
        summary="Continual learning: classifiers on frozen features learn streams of new classes in one pass",
        paper="Javed and White 2019, arXiv:1905.12588 (streams); Hayes and Kanan 2020, arXiv:1909.01520 (slda)",
    )
