"""Registers `matching_networks`, `relation_networks`, `r2d2`, `metaoptnet`, `reptile`, `meta_sgd`, `meta_curvature`,
`baseline` and `baseline_pp`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness_maml import ANILConfig
from harness_supervised import Config as SupervisedConfig

from harness import Register, hookimpl, option
from harness_fewshot import published

ADAM = {"optimizer": "adam", "lr": 1e-3}


@dataclass(frozen=True)
class EpisodesConfig:
    """Options of what learns from few-shot tasks."""

    ways: int = option(5, "classes of a training task")
    shots: int = option(1, "support samples of each class")
    queries: int = option(15, "query samples of each class")
    tasks: int = option(4, "tasks of a step")

    def __post_init__(self) -> None:
        if self.ways < 2:
            raise ValueError(f"ways must be at least 2, not {self.ways}")
        if min(self.shots, self.queries, self.tasks) < 1:
            raise ValueError("shots, queries and tasks must be at least 1")


@dataclass(frozen=True)
class MatchingConfig(EpisodesConfig):
    """Options of Matching Networks."""

    scale: float = option(10.0, "what cosines are multiplied by before the softmax; the paper's is 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "scale")


@dataclass(frozen=True)
class RelationConfig(EpisodesConfig):
    """Options of Relation Networks."""

    hidden_dim: int = option(128, "width of the relation module's hidden layer")

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "hidden_dim")


@dataclass(frozen=True)
class R2D2Config(EpisodesConfig):
    """Options of R2D2."""

    ridge: float = option(
        1.0, "lambda of section 3.2: weight of the squared norm of a task's classifier; learned from there"
    )
    scale: float = option(
        10.0, "alpha of section 3.2: what outputs are multiplied by before the softmax; learned from there"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "ridge", "scale")


@dataclass(frozen=True)
class MetaOptNetConfig(EpisodesConfig):
    """Options of MetaOptNet."""

    c: float = option(0.1, "C of the support vector machine: what an error costs beside the norm of the weights")
    steps: int = option(100, "steps of the solver of its dual problem")
    scale: float = option(10.0, "what outputs are multiplied by before the softmax; learned from there")

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "c", "steps", "scale")


@dataclass(frozen=True)
class ReptileConfig(ANILConfig):
    """Options of Reptile, by default those of the paper's 5-way Omniglot."""

    shots: int = option(10, "samples of each class that a training task is learned from; more than in the evaluation")
    queries: int = option(5, "further samples of each class, which only measure the loss for the log")
    tasks: int = option(5, "tasks of a meta-step")
    inner_lr: float = option(1e-3, "learning rate of the inner loop, which is Adam without momentum")
    inner_steps: int = option(5, "inner gradient steps in training")
    inner_shots: int = option(2, "samples of each class in an inner step of training")
    test_steps: int = option(50, "inner gradient steps in evaluation, each on the whole support set")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.inner_shots <= self.shots:
            raise ValueError(f"inner_shots must be between 1 and shots, {self.shots}, not {self.inner_shots}")


@dataclass(frozen=True)
class GradientConfig(ANILConfig):
    """Options of Meta-Curvature: those of MAML, without its engines."""

    batch_norm: Literal["inductive", "transductive"] = option(
        "inductive", "what normalises the queries of a task: its support set, or all its queries together"
    )


@dataclass(frozen=True)
class MetaSGDConfig(GradientConfig):
    """Options of Meta-SGD."""

    inner_lr: float = option(0.1, "rate of the inner loop that each weight begins with; learned from there")
    test_steps: int = option(1, "inner gradient steps in evaluation; rates are learned for so many as in training")


@dataclass(frozen=True)
class BaselineConfig(SupervisedConfig):
    """Options of Baseline: those of `supervised`, and of the head that learns a task."""

    head_steps: int = option(100, "gradient steps of a task's head, each on the whole support set")
    head_lr: float = option(0.01, "learning rate of a task's head: SGD with momentum .9")

    def __post_init__(self) -> None:
        _positive(self, "head_steps", "head_lr")


@dataclass(frozen=True)
class BaselinePPConfig(BaselineConfig):
    """Options of Baseline++."""

    head_lr: float = option(0.1, "learning rate of a task's head: SGD with momentum .9")
    scale: float = option(10.0, "what cosines are multiplied by in training; a task's head has 10")

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "scale")


def _positive(config: object, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise ValueError(f"{name} must be positive, not {getattr(config, name)}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "matching_networks",
        "harness_fewshot.matching:MatchingNetworks",
        MatchingConfig,
        summary="Gives a query the labels of the support samples, weighted by a softmax over cosines",
        family="metric-based",
        paper="Vinyals et al. 2016, arXiv:1606.04080",
        budget=ADAM,
        published=published.MATCHING,
    )
    register(
        "relation_networks",
        "harness_fewshot.relation:RelationNetworks",
        RelationConfig,
        summary="Learns a network that scores the relation of a query to the mean feature of a class",
        family="metric-based",
        paper="Sung et al. 2018, arXiv:1711.06025",
        budget=ADAM,
        published=published.RELATION,
    )
    register(
        "r2d2",
        "harness_fewshot.r2d2:R2D2",
        R2D2Config,
        summary="Fits a ridge regression to each task in closed form, and learns features through its solution",
        family="metric-based",
        paper="Bertinetto et al. 2019, arXiv:1805.08136",
        budget=ADAM,
        published=published.R2D2,
    )
    register(
        "metaoptnet",
        "harness_fewshot.metaoptnet:MetaOptNet",
        MetaOptNetConfig,
        summary="Fits a support vector machine to each task, and learns features through its dual problem",
        family="metric-based",
        paper="Lee et al. 2019, arXiv:1904.03758",
        budget=ADAM,
    )
    register(
        "reptile",
        "harness_fewshot.reptile:Reptile",
        ReptileConfig,
        summary="Moves the initialisation towards the weights after each task's inner loop; first-order",
        family="optimisation-based",
        paper="Nichol et al. 2018, arXiv:1803.02999",
        budget={"optimizer": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0, "schedule": "linear"},
        published=published.REPTILE,
    )
    register(
        "meta_sgd",
        "harness_fewshot.meta_sgd:MetaSGD",
        MetaSGDConfig,
        summary="MAML with a learned inner-loop rate for each weight",
        family="optimisation-based",
        paper="Li et al. 2017, arXiv:1707.09835",
        budget=ADAM,
        published=published.META_SGD,
    )
    register(
        "meta_curvature",
        "harness_fewshot.meta_curvature:MetaCurvature",
        GradientConfig,
        summary="MAML that multiplies inner-loop gradients by learned matrices",
        family="optimisation-based",
        paper="Park and Oliva 2019, arXiv:1902.03356",
        budget=ADAM,
    )
    register(
        "baseline",
        "harness_fewshot.baseline:Baseline",
        BaselineConfig,
        summary="Supervised training; a new linear classifier on frozen features for each task",
        family="baselines",
        paper="Chen et al. 2019, arXiv:1904.04232",
        budget=ADAM,
    )
    register(
        "baseline_pp",
        "harness_fewshot.baseline:BaselinePP",
        BaselinePPConfig,
        summary="Baseline with cosine classifiers, in training and in each task",
        family="baselines",
        paper="Chen et al. 2019 (Baseline++), arXiv:1904.04232",
        budget=ADAM,
    )
