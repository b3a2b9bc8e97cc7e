"""Registers the evaluators, with their options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class KNNConfig:
    """Options of the weighted nearest-neighbour vote."""

    k: int = option(200, "neighbours that vote; a smaller reference votes as a whole")
    temperature: float = option(0.1, "a neighbour's vote weighs exp(cosine / temperature)")
    reference: str = option("train", "split whose labels are known")
    test: str = option("test", "split that is classified")

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")


@dataclass(frozen=True)
class LinearConfig:
    """Options of the linear probe."""

    strengths: tuple[float, ...] = option(
        (1e-3, 2e-4, 5e-5, 1e-5, 2e-6, 5e-7, 1e-7),
        "candidates for the L2 penalty, as a share of the features' total variance; held-out samples of the reference "
        "split choose",
    )
    reference: str = option("train", "split that the probe is trained on")
    test: str = option("test", "split that is classified")
    seed: int = option(0, "decides which samples are held out")

    def __post_init__(self) -> None:
        if not self.strengths or min(self.strengths) <= 0:
            raise ValueError(f"strengths must be positive, and at least one, not {list(self.strengths)}")


@dataclass(frozen=True)
class EpisodesConfig:
    """Options of few-shot episodes."""

    ways: int = option(5, "classes of an episode")
    shots: int = option(1, "labelled samples of each class")
    queries: int = option(15, "samples of each class to classify")
    episodes: int = option(2000, "number of episodes; with `precision`, the most")
    precision: float | None = option(
        None,
        "percentage points: episodes are taken in their order until half of the 95 % interval is this narrow, at least "
        "200; none: all `episodes`",
        identity="unless default",
    )
    split: str | None = option(
        "novel",
        "split that episodes are drawn from; `test` where a data set has no novel classes; none: `novel` where there "
        "is one, and else `test`",
    )
    seed: int = option(0, "decides the episodes; nothing else does, so every method and cell seed meets the same ones")
    within: str | None = option(
        None,
        "column of categories, such as `domain`, that an episode's classes share: as many episodes of each category, a "
        "metric for each, and the mean over categories",
        identity="unless default",
    )

    def __post_init__(self) -> None:
        if self.ways < 2:
            raise ValueError(f"ways must be at least 2, not {self.ways}")
        if min(self.shots, self.queries, self.episodes) < 1:
            raise ValueError("shots, queries and episodes must be at least 1")
        if self.precision is not None and not self.precision > 0:
            raise ValueError(f"precision must be positive, not {self.precision}")


@dataclass(frozen=True)
class FewShotConfig(EpisodesConfig):
    """Options of few-shot episodes that the method adapts to, or SimpleShot instead of it."""

    simpleshot: Literal["un", "l2n", "cl2n"] | None = option(
        None,
        "none: the method's own adaptation; else that of SimpleShot, the nearest mean of a class, of features as they "
        "are (un), of length 1 (l2n), or less the mean of `train` and then of length 1 (cl2n)",
        identity="unless default",
    )


@dataclass(frozen=True)
class HeadConfig(EpisodesConfig):
    """Options of few-shot episodes for which a head is trained."""

    head: Literal["cosine", "linear"] = option("cosine", "cosine: Baseline++ of the paper; linear: its Baseline")
    steps: int = option(100, "gradient steps on the support set of an episode, as a whole")
    lr: float = option(0.1, "learning rate of SGD with momentum .9")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or self.lr <= 0:
            raise ValueError("steps must be at least 1, and lr positive")


@dataclass(frozen=True)
class RankMeConfig:
    """Options of RankMe."""

    split: str = option("train", "split whose features are measured")


@dataclass(frozen=True)
class RetrievalConfig:
    """Options of retrieval."""

    test: str = option("test", "split whose samples are the queries")
    reference: str = option("test", "split that is searched; in its own split, a query does not find itself")


@dataclass(frozen=True)
class LogisticConfig:
    """Options of logistic regression."""

    reference: str = option("train", "split that the regression is fitted to")
    test: str = option("test", "split that is classified")
    seed: int = option(0, "decides which samples are held out")


@dataclass(frozen=True)
class LinearSGDConfig:
    """Options of the linear classifier that is trained by SGD on views."""

    epochs: int = option(90, "passes over the reference split")
    batch_size: int = option(256, "samples of a step; a smaller reference is one batch")
    learning_rates: tuple[float, ...] = option(
        (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        "candidates, which learn side by side; held-out samples of the reference split choose",
    )
    reference: str = option("train", "split that the classifier is trained on")
    test: str = option("test", "split that is classified")
    seed: int = option(0, "decides which samples are held out, the batches and the views")

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(f"learning_rates must be positive, and at least one, not {list(self.learning_rates)}")


@dataclass(frozen=True)
class FinetuneConfig:
    """Options of fine-tuning."""

    fraction: float = option(1.0, "share of the reference split whose labels are given, as many of each class")
    epochs: int = option(60, "passes over the labelled samples, at most")
    patience: int = option(10, "epochs without a better score on held-out samples, after which it ends")
    batch_size: int = option(256, "samples of a step; fewer labelled samples are one batch")
    lr: float = option(0.05, "learning rate, which falls along a cosine")
    layer_decay: float = option(1.0, "factor of a layer's rate to that of the layer above it")
    reference: str = option("train", "split that is learned from")
    test: str = option("test", "split that is classified")
    seed: int = option(0, "decides which labels are given, which are held out, the batches and the views")

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, not {self.fraction}")
        if min(self.epochs, self.patience) < 1 or self.batch_size < 2:
            raise ValueError("epochs and patience must be at least 1, batch_size at least 2")
        if self.lr <= 0 or not 0 < self.layer_decay <= 1:
            raise ValueError("lr must be positive, and layer_decay above 0 and at most 1")


@dataclass(frozen=True)
class MultiLabelConfig(LinearConfig):
    """Options of the linear probe of samples with several labels: those of `linear`, with stronger candidates."""

    strengths: tuple[float, ...] = option(
        (1e-2, 1e-3, 2e-4, 5e-5, 1e-5, 2e-6, 5e-7),
        "candidates for the L2 penalty, as a share of the features' total variance; held-out samples of the reference "
        "split choose",
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "knn",
        "harness_evaluators.knn:KNN",
        KNNConfig,
        summary="Weighted vote of the nearest training features",
        paper="Wu et al. 2018, arXiv:1805.01978",
    )
    register(
        "linear",
        "harness_evaluators.linear:Linear",
        LinearConfig,
        summary="Softmax regression on frozen features",
        paper="Zhang et al. 2016, arXiv:1603.08511",
    )
    register(
        "fewshot",
        "harness_evaluators.fewshot:FewShot",
        FewShotConfig,
        summary="Few-shot episodes of new classes, classified by the method's own adaptation",
        paper="Vinyals et al. 2016, arXiv:1606.04080",
    )
    register(
        "fewshot_head",
        "harness_evaluators.fewshot_head:FewShotHead",
        HeadConfig,
        summary="Few-shot episodes of new classes; trains a classifier on frozen features for each",
        paper="Chen et al. 2019 (Baseline++), arXiv:1904.04232",
    )
    register(
        "rankme",
        "harness_evaluators.rankme:RankMe",
        RankMeConfig,
        summary="Effective rank of the features; needs no labels",
        paper="Garrido et al. 2023, arXiv:2210.02885",
    )
    register(
        "retrieval",
        "harness_evaluators.retrieval:Retrieval",
        RetrievalConfig,
        summary="Mean average precision of retrieving samples of the same class by cosine",
        paper="Manning et al. 2008, Introduction to Information Retrieval, section 8.4",
    )
    register(
        "logistic",
        "harness_evaluators.logistic:Logistic",
        LogisticConfig,
        summary="Logistic regression as in the literature on transfer: one of 45 L2 penalties, raw features",
        paper="Kornblith et al. 2019, arXiv:1805.08974",
    )
    register(
        "linear_sgd",
        "harness_evaluators.linear_sgd:LinearSGD",
        LinearSGDConfig,
        summary="Linear classifier on a frozen encoder, trained by SGD on random crops and flips",
        paper="He et al. 2020, arXiv:1911.05722",
    )
    register(
        "finetune",
        "harness_evaluators.finetune:Finetune",
        FinetuneConfig,
        summary="Fine-tuning of a copy of the encoder, with all labels or a fraction of them",
        paper="Chen et al. 2020, arXiv:2002.05709",
    )
    register(
        "multilabel",
        "harness_evaluators.multilabel:MultiLabel",
        MultiLabelConfig,
        summary="Mean average precision of a linear probe, for data whose samples have several labels",
        paper="Everingham et al. 2010, The PASCAL Visual Object Classes Challenge",
    )
