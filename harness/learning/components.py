"""What plugin authors build on: Method, Evaluator, and what an evaluator is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.data.batches import Batches
from harness.learning.data.splits import Data
from harness.learning.data.streaming import Samples, at, picked

Classifier = Callable[[Tensor], Tensor]
"""Queries (E, Q, ...) to logits (E, Q, ways): what `Method.adapt` gives."""
Z = 1.96  # the quantile of the normal distribution for an interval of 95 %
CHUNK = 512  # samples that are encoded at a time
CHUNK_BYTES = 2**26  # of the inputs at most: 512 pictures of 104 pixels in colour, 111 of 224 pixels
Shown = Literal["percent", "plain"]
Estimate = Literal["mean", "jackknife", "interval"]


class Backbone(Protocol):
    """An nn.Module from inputs (N, ...), what a modality makes of samples, to features (N, feature_dim).

    One that takes texts has `tokenize(texts) -> int64 (N, L)` as well: its inputs are then these tokens. `pad` is the
    one that fills up a text; those in `special` stay in every view. `fit_tokenizer(texts, folder)`, if it has one, is
    called before with the training texts, and does nothing if what it makes was loaded with weights.

    One that keeps where things are may have `maps(inputs) -> list of (N, C, H, W)`, the finest first.

    One that begins with weights of its own says so: `started_from`, a mapping for the record, whose "name" is what
    messages call it and whose "notes" are what a reader must know. If its pictures must be prepared as in its training,
    it has `preprocessing`.

    One of a library's networks has `library_code`, if it can: lines of Python that make it without harness, and call it
    `network`. Who is given an exported encoder reads them.
    """

    feature_dim: int

    def __call__(self, inputs: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Group:
    """Some weights of a method: `rate` times the budget's learning rate is theirs, and `betas` in place of the
    optimizer's own, if given."""

    weights: Sequence[nn.Parameter]
    rate: float = 1.0
    betas: tuple[float, float] | None = None


class Method(nn.Module):
    """Whatever learns an encoder. `config` is an instance of the registered Config dataclass.

    A subclass sets `batches` (what a step consumes) and gives `loss`; the rest has defaults. It writes no loop, moves
    nothing to a device and opens no file: the harness does.
    """

    batches: Batches | None = None  # None: nothing to train
    adapts_on: ClassVar[Literal["features", "inputs"]] = "features"  # what `adapt` sees
    compiles: ClassVar[bool] = True  # whether torch.compile can take `loss`
    distributed: ClassVar[bool] = False  # whether parts of a batch on several devices learn what the batch on one does
    started_from: Mapping[str, Any] | None = None  # for the record, of weights of a file or a library
    notes: tuple[str, ...] = ()  # what must be known of its training to read its scores; told before it and with tables
    transductive: bool = False  # whether queries of one episode influence each other's predictions (trap: name it)

    def __init__(self, backbone: nn.Module, config: Any, data: Data) -> None:  # noqa: ARG002 (part of the contract)
        """`data` is for what depends on it (number of classes, shape of a sample); it is not kept."""
        super().__init__()
        self.backbone = backbone
        self.config = config

    def loss(self, batch: Any) -> Tensor | dict[str, Tensor]:
        """The loss of one batch, a scalar; or a dict with "loss" and further scalars to log."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def groups(self) -> Sequence[Group]:
        """Its weights, each in one group, for the optimizer. Default: one group of all."""
        return [Group(list(self.parameters()))]

    def after_step(self, step: int, steps: int) -> None:
        """Called after optimizer step `step` of `steps` (from 0): momentum networks, queues."""

    def after_training(self) -> None:
        """Called once, at the end of the training, and on a new method before it is given what such a training left:
        remove parts that only `loss` needs. What `encode`, `adapt` and `sample` give stays the same."""

    def encode(self, inputs: Tensor) -> Tensor:
        """What a network sees of samples, (N, ...) -> features (N, D), in eval mode and without gradient."""
        return self.backbone(inputs)

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """Learn E few-shot tasks from `support` (E, S, ...) with `labels` (E, S): a classifier of queries.

        It takes (E, Q, ...) and gives logits (E, Q, ways). `...` are features or inputs, as `adapts_on` says.

        Default: the nearest class centroid by cosine.
        """
        centroids = F.normalize(class_means(F.normalize(support, dim=-1), labels, ways), dim=-1)
        return lambda query: F.normalize(query, dim=-1) @ centroids.mT

    def sample(self, n: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (part of the contract)
        """`n` samples that it makes up, as the training split has them (uint8 pictures, say), by numbers of `generator`
        alone, a generator of the CPU. In eval mode and without gradient; a sample does not depend on those made with
        it. Raises UsageError if it makes none, which is the default."""
        raise UsageError(f"{type(self).__name__} makes no samples: it has no `sample`.")

    def check_ways(self, ways: int) -> None:
        """Raises UsageError if `adapt` cannot take so many classes. Default: any number."""

    def check_start(self, start: str) -> None:
        """Raises UsageError if it cannot have a backbone that begins with what `start` names: a file of weights, a
        library's, another cell's; "" for random weights. Default: any."""

    def check_devices(self, devices: int, batch_size: int) -> None:  # noqa: ARG002 (for who has parts of its own)
        """Raises UsageError if so many devices, more than one, cannot share its batches. Default: any number, of a
        method that says it is `distributed`."""
        if not self.distributed:
            raise UsageError(f"this method is not made for {devices} devices: leave 'devices' out of its budget.")


def class_means(features: Tensor, labels: Tensor, ways: int) -> Tensor:
    """Mean feature of each class: (E, S, D) with labels (E, S) -> (E, ways, D)."""
    members = F.one_hot(labels, ways).to(features.dtype)
    return members.mT @ features / members.sum(-2)[..., None]


@dataclass(frozen=True)
class Metric:
    """One number, and how sure it is. `estimate` says by what:

    - "mean": `units` are per-sample or per-episode values whose mean is `value` (`Metric.mean` makes one);
    - "jackknife": `units` are pseudo-values of a number that is no mean (`Metric.jackknife`);
    - "interval": there are no units, and `interval` has the ends of its 95 % interval (`Metric.within`).

    shown: "percent" is what people read times 100, as accuracies and correlations; "plain" is everything else.
    bound: what an honest score does not exceed but by chance, such as the same evaluator's score on the training split;
    its `protocol` says what it is. A gate finds a score that does suspicious.
    `details` are what else the record should say of it, such as an option that the evaluator chose.
    """

    value: float
    units: NDArray[np.float32]
    unit: str
    higher_is_better: bool = True
    protocol: str = ""
    bound: Metric | None = None
    details: Mapping[str, str | float | bool] = field(default_factory=dict)
    shown: Shown = "plain"
    estimate: Estimate = "mean"
    interval: tuple[float, float] | None = None

    @classmethod
    def mean(
        cls,
        units: Tensor,
        unit: str,
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """The mean of per-unit values (n,)."""
        values = units.detach().cpu().numpy().astype(np.float32)
        value = float(values.mean(dtype=np.float64))
        return cls(value, values, unit, higher_is_better, protocol, bound, details or {}, shown)

    @classmethod
    def jackknife(
        cls,
        value: float,
        left_out: Tensor,
        unit: str,
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """A number that is no mean, such as a correlation: `value` of all n units, and `left_out` (n,) the same number
        without each unit in turn, or without each of n groups of about the same size.

        The units are the jackknife's pseudo-values n * value - (n - 1) * left_out (Quenouille, 1956), whose standard
        error is that of the value (Tukey, 1958). It suits what changes smoothly with the data; a median does not.
        """
        n, without = len(left_out), left_out.detach().cpu().double().numpy()
        pseudo = (n * float(value) - (n - 1) * without).astype(np.float32)
        return cls(
            float(value), pseudo, unit, higher_is_better, protocol, bound, details or {}, shown, estimate="jackknife"
        )

    @classmethod
    def within(
        cls,
        value: float,
        interval: tuple[float, float],
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """A number with the two ends of its own 95 % interval, such as a bootstrap's, and no units."""
        ends, units = (float(interval[0]), float(interval[1])), np.empty(0, np.float32)
        rest = (higher_is_better, protocol, bound, details or {}, shown)
        return cls(float(value), units, "", *rest, estimate="interval", interval=ends)

    @property
    def n(self) -> int:
        """How many units there are; 0 of a metric without."""
        return len(self.units)

    @property
    def half_width(self) -> float:
        """Half the 95 % interval over units (normal approximation); says nothing of the variance over seeds.

        Of an interval of its own the way to the end that is further. Where all units are hits, or none is, their
        deviation is 0: then it is the width of Wilson's interval (1927), z² / (n + z²), which lies on one side.
        """
        if self.interval:
            return max(self.value - self.interval[0], self.interval[1] - self.value)
        hits = self.estimate == "mean" and self.higher_is_better and self.n and self.units[0] in (0, 1)
        if hits and (self.units == self.units[0]).all():
            return Z**2 / (self.n + Z**2)
        return float(Z * self.units.std(ddof=1, dtype=np.float64) / np.sqrt(self.n)) if self.n > 1 else float("nan")


@dataclass
class Trained:
    """A trained method in eval mode, with its data. Features are computed once per split and shared by evaluators."""

    method: Method
    data: Data
    judge: Trained | None = None  # another trained method, of an evaluator that has one
    _features: dict[str, Tensor] = field(default_factory=dict)
    _shares: dict[float, Trained] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.data.device

    def features(self, split: str) -> Tensor:
        """float32 (N, D), in the order of the split's samples."""
        if split not in self._features:
            self._features[split] = self.encode(self.data.split(split).samples)
        return self._features[split]

    def share(self, share: float) -> Trained:
        """On that share of the samples of each split, the same ones each time (`Split.share`)."""
        if share == 1:
            return self
        if share not in self._shares:
            self._shares[share] = Trained(self.method, self.data.share(share), self.judge)
        return self._shares[share]

    @torch.no_grad()
    def encode(self, samples: Samples, most: int = CHUNK) -> Tensor:
        """Features of any samples that are as those of the data: float32 (N, D), in their order."""
        self.method.eval()
        order = self.data.modality.order(samples)
        places = torch.arange(len(samples)) if order is None else order.cpu()
        parts = picked(samples, places.split(min(most, self._fitting(samples))))
        batches = (self.data.inputs(part) for part in parts)
        features = torch.cat([self.method.encode(batch).float() for batch in batches])
        if order is not None:
            features = torch.empty_like(features).index_copy_(0, places.to(features.device), features)
        if not features.isfinite().all():
            raise FloatingPointError("the encoder's features are not finite")  # argmax would score them as chance
        return features

    def _fitting(self, samples: Samples) -> int:
        """How many samples may be encoded at a time: fewer where an input is large, as activations grow with it."""
        first = self.data.inputs(at(samples, torch.arange(1)))
        return max(1, CHUNK_BYTES // max(1, first.nbytes))


class Evaluator:
    """Whatever scores an encoder."""

    has_judge: ClassVar[bool] = False  # whether it judges by another cell of the suite, `Trained.judge`

    def __init__(self, config: Any) -> None:
        self.config = config

    def check(self, method: Method, data: Data) -> None:
        """Raises UsageError, before anything trains, if this method on this data cannot be scored."""

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        """Metrics by name; a single one is called "accuracy"."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate")

    def evaluate_share(self, trained: Trained, share: float) -> dict[str, Metric]:
        """Metrics that cost about that share of `evaluate`'s, for a point of a curve; with a share of 1 the same.

        Default: on that share of the samples of each split. An evaluator whose units are drawn draws fewer instead.
        """
        return self.evaluate(trained.share(share))
