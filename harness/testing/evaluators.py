"""The conformance checks of an evaluator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from harness.base.errors import UsageError, UsageWarning
from harness.learning.components import Evaluator, Method, Trained
from harness.learning.data.splits import Data, Split
from harness.learning.metric import Estimate, Metric, Shown
from harness.learning.seeding import seed_all
from harness.store.records import PER_SAMPLE
from harness.suite.cell import Component
from harness.testing import content, declared, devices
from harness.testing.declared import component
from harness.testing.known import (
    CLASSES,
    DESCRIBED,
    ByHeart,
    Doubtful,
    Graded,
    Known,
    bright,
    partly_relabelled,
    skewed,
)
from harness.testing.report import Fault, conform
from harness.testing.unchanged import network_kept, random_states_kept, settings_kept

PERFECT = 0.95  # least accuracy of an encoder that tells all classes apart
CHANCE = 0.6  # greatest of one that tells nothing: half, as an evaluator may take two classes at a time, and a margin
RELABELLED = 6  # other labels of the test split that are tried: what is chosen by them changes with one or the other
SAME = 0.98  # least share of images that score the same when others leave the test split: sums in another order round


Columns = Callable[[Split], Mapping[str, Tensor]]


def check_evaluator(name: str, /, *, columns: Columns | None = None, **options: Any) -> None:
    """Check a registered evaluator: let it score encoders whose knowledge of the classes is known.

    Args:
        name: Registered name of the evaluator.
        columns: For an evaluator that needs more than images and labels: function from a split to its further columns.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    subject = EvaluatorSubject(component("evaluator", name, options), columns)
    conform(f"evaluator '{name}'", subject, CHECKS, NEEDED)


@dataclass(frozen=True)
class EvaluatorSubject:
    """A registered evaluator with its options."""

    component: Component
    columns: Columns | None = None

    def make(self) -> Evaluator:
        made: Evaluator = self.component.spec.load()(self.component.config)
        return made

    def encoder(self, alike: int = 1) -> Trained:
        data = self.with_columns(bright())
        return Trained(Known(data, alike).eval(), data)

    def metrics(self, alike: int = 1) -> dict[str, Metric]:
        return self.make().evaluate(self.encoder(alike))

    def accuracy(self, method: Method, data: Data) -> Metric | None:
        """Of another encoder; None from an evaluator that gives none."""
        return self.make().evaluate(Trained(method.eval(), self.with_columns(data))).get("accuracy")

    def with_columns(self, data: Data) -> Data:
        if self.columns is None:
            return data
        splits = {
            name: Split(each.samples, each.labels, each.classes, self.columns(each))
            for name, each in data.splits.items()
        }
        return replace(data, splits=splits)


def it_scores_an_encoder(subject: EvaluatorSubject) -> None:
    """`check` accepts an ordinary encoder with train, test and novel splits; `evaluate` gives Metrics by name."""
    trained = subject.encoder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UsageWarning)  # the kit has few classes
            subject.make().check(trained.method, trained.data)
    except UsageError as error:
        fitting = f"give check_evaluator options that fit its data: {DESCRIBED}"
        raise Fault(f"`check` refuses the kit's encoder ({str(error).removesuffix('.')})", fitting) from error
    metrics = subject.make().evaluate(trained)
    if not isinstance(metrics, dict) or not metrics or not all(isinstance(each, Metric) for each in metrics.values()):
        raise Fault(f"`evaluate` gives {metrics!r}", 'give {"accuracy": Metric.mean(units, "sample")}')


def metrics_say_what_they_are_made_of(subject: EvaluatorSubject) -> None:
    """A finite value that is the mean of its per-unit values, or what its pseudo-values tell of, and the unit's name;
    or one with the ends of an interval around it. Images are all of a split. It says how it is shown."""
    for name, metric in subject.metrics(2).items():
        if metric.shown not in get_args(Shown):
            raise Fault(f"{name} is shown as {metric.shown!r}", f"say one of {_words(Shown)}")
        if metric.estimate not in get_args(Estimate):
            raise Fault(f"{name} is an estimate by {metric.estimate!r}", f"say one of {_words(Estimate)}")
        (_of_an_interval if metric.estimate == "interval" else _of_units)(name, metric)


def _words(choice: Any) -> str:
    return ", ".join(f'"{word}"' for word in get_args(choice))


def _of_an_interval(name: str, metric: Metric) -> None:
    if metric.interval is None or metric.n:
        raise Fault(f"{name} has {metric.n} units and the interval {metric.interval}", "use Metric.within(value, ends)")
    low, high = metric.interval
    if not np.isfinite([low, metric.value, high]).all():
        raise Fault(f"{name} is {metric.value} in [{low}, {high}], not all finite", "give finite numbers")
    if not low <= metric.value <= high:
        raise Fault(
            f"{name} is {metric.value:.2f}, outside of its interval from {low:.2f} to {high:.2f}",
            "give the lower end and the upper end of an interval of this value",
        )


def _of_units(name: str, metric: Metric) -> None:
    """The value may be off the mean of its units by rounding; that of pseudo-values by the bias too that the jackknife
    finds, which is no more than the half width: else the interval leaves out what the value would be without it."""
    sizes = {split: len(each) for split, each in bright().splits.items()}
    if metric.interval is not None:
        raise Fault(
            f"{name} has units and the interval {metric.interval}", "give one of them: Metric.within has no units"
        )
    if not isinstance(metric.units, np.ndarray) or metric.units.ndim != 1 or metric.units.dtype != np.float32:
        raise Fault(f"{name} has units {metric.units!r}", "give a float32 array (n,): Metric.mean makes one")
    if not metric.n:
        raise Fault(f"{name} has neither units nor an interval", "use Metric.mean, Metric.jackknife or Metric.within")
    if not np.isfinite(metric.units).all() or not np.isfinite(metric.value):
        raise Fault(f"{name} is {metric.value} of {metric.n} units, not all finite", "give finite per-unit values")
    mean = metric.units.mean(dtype=np.float64)
    if metric.estimate == "jackknife" and not np.isclose(metric.value, mean, rtol=1e-4, atol=1e-4 + metric.half_width):
        raise Fault(
            f"{name} is {metric.value:.2f}, and the mean of its pseudo-values {mean:.2f}, further off than half its "
            f"interval, {metric.half_width:.2f}",
            "give Metric.jackknife the same number of all units, and of all but each in turn; what has so much bias "
            "needs an interval of its own: Metric.within(value, ends)",
        )
    if metric.estimate == "mean" and not np.isclose(metric.value, mean, rtol=1e-4, atol=1e-6):
        raise Fault(
            f"{name} is {metric.value:.2f}, but the mean of its units {mean:.2f}",
            "use Metric.mean(units, unit): intervals and pairings are computed from the units; what is no mean has "
            "Metric.jackknife and Metric.within",
        )
    if not isinstance(metric.unit, str) or not metric.unit:
        raise Fault(f"{name} does not say what a unit is", 'name it: "sample", "episode" or "pair"')
    if metric.unit in PER_SAMPLE and metric.n not in sizes.values():
        raise Fault(
            f"{name} is of {metric.n} images, and no split has as many ({sizes})",
            "score every image, those of a last, incomplete batch as well; what is no image has a unit of its own",
        )


def scores_repeat_themselves(subject: EvaluatorSubject) -> None:
    """Two evaluations of one encoder give the same units, whatever was drawn before."""
    seed_all(1)
    one = subject.metrics(2)  # of an encoder that is right about half of the time
    seed_all(2)
    other = subject.metrics(2)
    for name in one:
        if name not in other or _made_of(one[name]) != _made_of(other[name]):
            raise Fault(
                f"a second evaluation gives another {name}", "draw from a generator that an option `seed` seeds"
            )


def _made_of(metric: Metric) -> tuple[float, tuple[float, float] | None, bytes]:
    return metric.value, metric.interval, metric.units.tobytes()


def a_perfect_encoder_is_told_from_a_blind_one(subject: EvaluatorSubject) -> None:
    """Where it gives an accuracy: at least PERFECT for the one and at most CHANCE for the other."""
    perfect, blind = subject.metrics(), subject.metrics(CLASSES)
    if "accuracy" not in perfect:
        return
    if perfect["accuracy"].value < PERFECT:
        raise Fault(
            f"features that are the class score {perfect['accuracy'].value:.2f}, less than {PERFECT}",
            "look whether samples and labels are in the same order, and whether classes are counted from 0",
        )
    if blind["accuracy"].value > CHANCE:
        raise Fault(
            f"features that are all the same score {blind['accuracy'].value:.2f}, more than {CHANCE}",
            "look for the label of a query on its way to the prediction, and for ties that it wins",
        )


def half_of_the_knowledge_is_not_enough(subject: EvaluatorSubject) -> None:
    """An encoder to which classes are alike, two and two, is not perfect."""
    found = subject.metrics(2).get("accuracy")
    if found is not None and found.value >= PERFECT:
        raise Fault(
            f"features that tell each class from all but one other score {found.value:.2f}",
            "count a sample as a hit if its own class is the first of all, not among the first few",
        )


def what_is_scored_was_not_learned(subject: EvaluatorSubject) -> None:
    """Accuracy is at most CHANCE for an encoder that knows the images of `train` by heart and nothing of others; nor do
    labels of the samples that are scored have a part in their scores."""
    data = bright()
    found = subject.accuracy(ByHeart(data), data)
    if found is not None and found.value > CHANCE:
        raise Fault(
            "an encoder that knows the images of `train`, and of others nothing but which one it is, scores "
            f"{found.value:.2f}, more than {CHANCE}",
            "score a split that training has not seen, and let no label of what is scored have a part in its features, "
            "its reference or its support set",
        )


def images_are_scored_apart(subject: EvaluatorSubject) -> None:
    """An image of `test` has the same score whichever others are there, unless the protocol says "transductive"."""
    data = bright()
    fewer, kept = skewed(data)
    whole, part = subject.accuracy(Graded(data), data), subject.accuracy(Graded(data), fewer)
    if whole is None or part is None or "transductive" in whole.protocol or whole.unit not in PER_SAMPLE:
        return
    if whole.estimate != "mean":  # a pseudo-value is of all images
        return
    if whole.value <= CHANCE:  # it does not see this encoder's classes; if it sees none, another check says so
        return
    if whole.n != len(data.split("test")) or part.n != len(kept):  # another split is scored
        return
    same = (whole.units[kept.numpy()] == part.units).mean()
    if same < SAME:
        raise Fault(
            f"{1 - same:.1%} of the test images score differently when others leave the split",
            'take statistics from the reference alone, or say "transductive" in the metric\'s `protocol`',
        )


def nothing_is_chosen_by_labels_that_are_scored(subject: EvaluatorSubject) -> None:
    """An image of `test` is a hit or none whichever labels the others there have."""
    data = bright()
    first, again = (subject.accuracy(Doubtful(data), data) for _ in range(2))
    by_heart = subject.accuracy(ByHeart(data), data)
    kept = torch.arange(len(data.split("test"))) % 2 == 0
    if first is None or first.estimate != "mean" or first.unit not in PER_SAMPLE or first.n != len(kept):
        return
    if again is None or _made_of(again) != _made_of(first) or by_heart is None or by_heart.value > CHANCE:
        return  # other checks say so
    for number in range(RELABELLED):
        other = subject.accuracy(Doubtful(data), partly_relabelled(data, ~kept, number))
        same = 0.0 if other is None else float(np.mean(first.units[kept.numpy()] == other.units[kept.numpy()]))
        if same < SAME:
            raise Fault(
                f"{1 - same:.1%} of the test images score differently when the labels of the others are exchanged",
                "choose settings by a part of the reference that is held out, not by what is scored",
            )


def the_encoder_is_left_untouched(subject: EvaluatorSubject) -> None:
    """No weight, buffer, mode or gradient is changed, nor the features that other evaluators share."""
    trained = subject.encoder()
    before = {name: trained.features(name).clone() for name in trained.data.splits}
    with network_kept(trained.method, "evaluating"):
        subject.make().evaluate(trained)
    if any(not torch.equal(features, trained.features(name)) for name, features in before.items()):
        raise Fault(
            "evaluating changes the features that all evaluators share", "work on copies: no in-place operations"
        )


def settings_of_the_process_are_kept(subject: EvaluatorSubject) -> None:
    """Default dtype, threads, grad mode and the like are as before."""
    with settings_kept("evaluating"):
        subject.metrics()


def global_generators_are_left_alone(subject: EvaluatorSubject) -> None:
    """Evaluating neither draws from the global generators nor seeds them."""
    trained = subject.encoder()
    with random_states_kept("evaluating"):
        subject.make().evaluate(trained)


def it_runs_on_a_gpu(subject: EvaluatorSubject) -> None:
    """The same with method and data on a GPU, where there is one."""
    for device in devices.accelerators():
        data = subject.with_columns(bright())
        there = Data.of(data.splits, data.modality, device)
        with devices.runs_on(device):
            subject.make().evaluate(Trained(Known(there, 1).to(device).eval(), there))


NEEDED = (it_scores_an_encoder,)
CHECKS = (
    *declared.EVERY,
    content.the_fingerprint_identifies_the_content,
    metrics_say_what_they_are_made_of,
    scores_repeat_themselves,
    a_perfect_encoder_is_told_from_a_blind_one,
    half_of_the_knowledge_is_not_enough,
    what_is_scored_was_not_learned,
    images_are_scored_apart,
    nothing_is_chosen_by_labels_that_are_scored,
    the_encoder_is_left_untouched,
    settings_of_the_process_are_kept,
    global_generators_are_left_alone,
    it_runs_on_a_gpu,
)
