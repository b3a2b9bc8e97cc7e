"""Base classes for methods and evaluators, and what an evaluator is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.base.checkpoint_interval import Interval
from harness.base.errors import UsageError
from harness.learning.data.batches import Batches
from harness.learning.data.splits import Data
from harness.learning.data.streaming import Samples, at, read_batches
from harness.learning.metric import Metric
from harness.learning.online import Online, RunningMeans

Classifier = Callable[[Tensor], Tensor]
"""A function from queries (E, Q, ...) to logits (E, Q, ways), as `Method.adapt` returns it for E episodes."""
CHUNK = 512  # samples that are encoded at a time
CHUNK_BYTES = 2**26  # of the inputs at most: 512 pictures of 104 pixels in colour, 111 of 224 pixels


class Backbone(Protocol):
    """A network that maps inputs (N, ...), as the modality prepares them, to features (N, feature_dim).

    Backbones are `torch.nn.Module`s. Only `feature_dim` and the call are required. The harness uses these attributes
    and methods where a backbone has them:

    - `tokenize(texts)`: for texts. Returns tokens, int64 (N, L), which are then the inputs of the network.
    - `pad`: the token that fills up short texts. `special`: tokens that every view keeps.
    - `fit_tokenizer(texts, folder)`: called once with the training texts before `tokenize`. It must do nothing if the
      vocabulary was loaded together with weights.
    - `maps(inputs)`: feature maps, a list of tensors (N, C, H, W), the finest first. `strides`: with it, how many
      pixels of an image one place of each map is wide.
    - `started_from`: set if the backbone loads weights itself. A mapping for the record; "name" is what messages call
      the weights, "notes" are remarks for readers of the scores.
    - `preprocessing`: a `Preprocessing`, if pictures must be prepared as they were in the training of these weights.
    - `library_code`: lines of Python that build the network without harness and assign it to `network`. They are
      printed in the model card of an exported encoder.

    Attributes:
        feature_dim: Width D of the features.
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
    """Base class of methods: whatever trains an encoder.

    A subclass sets `batches` and implements `loss`; everything else has a default. The harness runs the training loop,
    moves tensors to the device and writes all files.

    Args:
        backbone: The network that is trained; it returns features (N, backbone.feature_dim).
        config: An instance of the `Config` dataclass that was registered with the method.
        data: The data set, for what depends on it, such as the number of classes. It is not kept.

    Attributes:
        batches: What one training step consumes, such as `Views()`; None if there is nothing to train.
        adapts_on: Whether `adapt` receives cached "features" or "inputs" of the network.
        compiles: Whether torch.compile can compile `loss`.
        distributed: Whether training on parts of a batch on several devices gives the gradient of the whole batch.
        started_from: For the record, which file or library the weights come from; None for random weights.
        notes: Remarks on the training that readers of its scores need; shown before it and beside its scores.
        transductive: Whether the predictions for one query depend on the other queries of its episode.
    """

    batches: Batches | None = None  # None: nothing to train
    adapts_on: ClassVar[Literal["features", "inputs"]] = "features"  # what `adapt` sees
    compiles: ClassVar[bool] = True  # whether torch.compile can take `loss`
    distributed: ClassVar[bool] = False  # whether parts of a batch on several devices learn what the batch on one does
    started_from: Mapping[str, Any] | None = None  # for the record, of weights of a file or a library
    notes: tuple[str, ...] = ()  # what must be known of its training to read its scores; told before it and with tables
    transductive: bool = False  # whether queries of one episode influence each other's predictions (trap: name it)

    def __init__(self, backbone: nn.Module, config: Any, data: Data) -> None:  # noqa: ARG002 (part of the contract)
        super().__init__()
        self.backbone = backbone
        self.config = config

    def loss(self, batch: Any) -> Tensor | dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            batch: What `batches.draw` returned, on the device.

        Returns:
            A scalar, or a dict with the scalar "loss" and further scalars to log.
        """
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def groups(self) -> Sequence[Group]:
        """Its weights, each in one group, for the optimizer. Default: one group of all."""
        return [Group(list(self.parameters()))]

    def after_step(self, step: int, steps: int) -> None:
        """Run after each step of the optimizer, for example to update a momentum network or a queue.

        Args:
            step: Number of the step, from 0.
            steps: Number of steps of the whole training.
        """

    def counted(self) -> Mapping[str, float]:
        """What the training has used so far besides samples and seconds, by name, such as steps of an environment. The
        report draws scores while training against each. Counts live in buffers, so that a resumed training goes on
        with them; `loss` may log them as well.

        Returns:
            Finite numbers that only grow; none by default.
        """
        return {}

    def after_training(self) -> None:
        """Called once, at the end of the training, and on a new method before it is given what such a training left:
        remove parts that only `loss` needs. What `encode`, `adapt` and `sample` give stays the same."""

    def encode(self, inputs: Tensor) -> Tensor:
        """Encode inputs; called in eval mode and without gradient.

        Args:
            inputs: Inputs (N, ...) as the modality prepares them.

        Returns:
            Features (N, D).
        """
        return self.backbone(inputs)

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """Learn E few-shot tasks from their support sets.

        By default, a query belongs to the class whose mean feature is nearest by cosine.

        Args:
            support: Features or inputs, as `adapts_on` says, (E, S, ...).
            labels: Classes of the support samples, int64 (E, S) in 0 .. ways - 1.
            ways: Number of classes of each task.

        Returns:
            A function from queries (E, Q, ...) to logits (E, Q, ways).
        """
        centroids = F.normalize(class_means(F.normalize(support, dim=-1), labels, ways), dim=-1)
        return lambda query: F.normalize(query, dim=-1) @ centroids.mT

    def online(self, ways: int) -> Online:
        """Begin to learn from streams of samples, of which none is kept.

        By default, a query belongs to the class whose running mean feature is nearest by cosine, as in `adapt`.

        Args:
            ways: Number of classes of each stream.

        Returns:
            A classifier that has learned nothing yet; it is updated with features and asked about features.
        """
        return RunningMeans(ways)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002 (part of the contract)
        """`n` samples that it makes up, as the training split has them (uint8 pictures, say), by numbers of `generator`
        alone, a generator of the CPU. In eval mode and without gradient; a sample does not depend on those made with
        it. Raises UsageError if it makes none, which is the default."""
        raise UsageError(f"{type(self).__name__} makes no samples: it has no `sample`.")

    def check_ways(self, ways: int) -> None:
        """Check that `adapt` can take this number of classes. By default it can take any.

        Args:
            ways: Number of classes of each task.

        Raises:
            UsageError: `adapt` cannot take so many or so few classes.
        """

    def check_start(self, start: str) -> None:
        """Check that the method can train a backbone with these first weights. By default it can train any.

        Args:
            start: Name of the weights (a file, a model of a library, or another cell); "" for random weights.

        Raises:
            UsageError: The method cannot start from them.
        """

    def check_devices(self, devices: int, batch_size: int) -> None:  # noqa: ARG002 (for who has parts of its own)
        """Check that several devices can share the method's batches. By default they can if the method is
        `distributed`.

        Args:
            devices: Number of devices, 2 or more.
            batch_size: Number of samples of a whole batch.

        Raises:
            UsageError: The batches cannot be divided over so many devices.
        """
        if not self.distributed:
            raise UsageError(f"this method is not made for {devices} devices: leave 'devices' out of its budget.")


def class_means(features: Tensor, labels: Tensor, ways: int) -> Tensor:
    """Compute the mean feature of each class.

    Args:
        features: Features (E, S, D) of E episodes.
        labels: Classes, int64 (E, S) in 0 .. ways - 1.
        ways: Number of classes.

    Returns:
        Means (E, ways, D).
    """
    members = F.one_hot(labels, ways).to(features.dtype)
    return members.mT @ features / members.sum(-2)[..., None]


@dataclass
class Trained:
    """A trained method in eval mode with its data, as evaluators receive it.

    Features are computed once per split and shared by all evaluators.

    Attributes:
        method: The trained method.
        data: The data set to score it on.
        judge: Another trained method, of an evaluator that has one.
        checkpoint: Where a training inside the evaluation leaves its state (`harness.fine_tune`); None: nowhere.
        checkpoint_every: How often.
    """

    method: Method
    data: Data
    judge: Trained | None = None
    checkpoint: Path | None = None
    checkpoint_every: Interval | None = None
    _features: dict[str, Tensor] = field(default_factory=dict)
    _shares: dict[float, Trained] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.data.device

    def features(self, split: str) -> Tensor:
        """Return the features of a split.

        Args:
            split: Name of the split.

        Returns:
            Features, float32 (N, D), in the order of the split's samples. Do not change them in place.

        Raises:
            UsageError: There is no such split.
            FloatingPointError: The features are not finite.
        """
        if split not in self._features:
            self._features[split] = self.encode(self.data.split(split).samples)
        return self._features[split]

    def share(self, share: float) -> Trained:
        """Return the same method with a part of each split, for points of a curve.

        Args:
            share: Fraction of the samples, above 0 and at most 1. The same samples are chosen each time
                (`Split.share`).

        Returns:
            The method on these samples; itself for a share of 1.
        """
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
        parts = read_batches(samples, places.split(min(most, self._fitting(samples))))
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
    """Base class of evaluators: whatever scores an encoder. A subclass implements `evaluate`.

    Args:
        config: An instance of the `Config` dataclass that was registered with the evaluator.
    """

    has_judge: ClassVar[bool] = False  # whether it judges by another cell of the suite, `Trained.judge`
    fits_samples: ClassVar[bool] = True  # whether samples are made to fit the encoder, as `Data.inputs` does

    def __init__(self, config: Any) -> None:
        self.config = config

    def check(self, method: Method, data: Data) -> None:
        """Check, before anything trains, that this method on this data can be scored. By default it can.

        Args:
            method: The method, untrained.
            data: The data set.

        Raises:
            UsageError: It cannot be scored, for example because a split is missing.
        """

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        """Score a trained method.

        Args:
            trained: The method in eval mode, its data and its features.

        Returns:
            Metrics by name. An evaluator with a single metric calls it "accuracy".
        """
        raise NotImplementedError(f"{type(self).__name__} has no evaluate")

    def evaluate_share(self, trained: Trained, share: float) -> dict[str, Metric]:
        """Score a trained method at a fraction of the cost of `evaluate`, for a point of a curve.

        By default, this scores a share of the samples of each split. An evaluator that draws its units, such as
        episodes, should draw fewer of them instead.

        Args:
            trained: The method in eval mode, its data and its features.
            share: Fraction of the cost, above 0 and at most 1; with 1 the result is that of `evaluate`.

        Returns:
            Metrics by name.
        """
        return self.evaluate(trained.share(share))
