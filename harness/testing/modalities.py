"""The conformance checks of a modality, on the samples of a data set that gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning import building
from harness.learning.data.draw import Draw
from harness.learning.data.modality import Modality
from harness.learning.data.splits import Data, Split
from harness.learning.data.streaming import Streamed, at
from harness.suite.cell import Component
from harness.testing import devices
from harness.testing.datasets import DatasetSubject
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import random_states_kept

NUMBER = 12  # samples that are looked at
CPU = torch.device("cpu")


def check_modality(dataset: str, **options: Any) -> None:
    """Check the modality of a registered data set on its samples.

    Args:
        dataset: Registered name of the data set.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    subject = ModalitySubject(component("dataset", dataset, options))
    conform(f"the modality of data set '{dataset}'", subject, CHECKS, NEEDED)


class Tokenizing(nn.Module):
    """Stands for a backbone that takes texts."""

    pad = 0
    special = (1,)

    @staticmethod
    def tokens() -> Tensor:
        """(NUMBER, 9): texts of 8, 7 and 6 tokens by turns, so that all parts of a batch that are looked at have one of
        the longest; then padding."""
        tokens = torch.arange(2, 2 + 9 * NUMBER).view(NUMBER, 9)
        tokens[:, 0] = 1
        return tokens.masked_fill(torch.arange(9) >= 8 - torch.arange(NUMBER)[:, None] % 3, 0)


@dataclass(frozen=True)
class ModalitySubject:
    """What a data set gives, of which at most NUMBER samples are used."""

    component: Component

    @cached_property
    def loaded(self) -> DatasetSubject:
        return DatasetSubject(self.component)

    @cached_property
    def data(self) -> Data:
        return building.load_data(self.component, CPU)

    @property
    def modality(self) -> Modality:
        """Of texts, as a backbone takes them."""
        modality = self.data.modality
        return modality if self.numbers else modality.prepared_for(Tokenizing())

    @property
    def numbers(self) -> bool:
        """Whether the samples are numbers from the start."""
        return isinstance(self.data.train.samples, Tensor | Streamed)

    @property
    def samples(self) -> Tensor:
        """A copy of some of the training split; of texts, made-up tokens, as a backbone makes them."""
        samples = self.data.train.samples
        if not isinstance(samples, Tensor | Streamed):
            return Tokenizing.tokens()
        return at(samples, torch.arange(min(NUMBER, len(samples)))).clone()

    def view(self, seed: int = 0, own: slice = slice(None)) -> Tensor:
        draw = Draw(len(self.samples), torch.Generator().manual_seed(seed), own)
        return self.modality.view(self.samples[own], draw)


def it_is_one(subject: ModalitySubject) -> None:
    """A harness.Modality with a name and a shape that is hashable."""
    try:
        modality = subject.modality
    except UsageError as error:
        raise Fault(str(error).removesuffix("."), "give check_modality options with which the set loads") from error
    if not isinstance(modality, Modality):
        raise Fault(f"it is a {type(modality).__name__}", "derive it from harness.Modality")
    try:
        hash(modality.shape)
    except TypeError as error:
        raise Fault(f"its shape, {modality.shape!r}, is not hashable", "make it a NamedTuple") from error


def other_samples_are_refused(subject: ModalitySubject) -> None:
    """`check` raises UsageError for what are no samples of it."""
    try:
        subject.modality.check(torch.zeros(3, 2, 2, 2, 2, dtype=torch.complex64))
    except UsageError:
        return
    raise Fault(
        "`check` takes complex numbers (3, 2, 2, 2, 2) for samples of it",
        "raise UsageError for another type or shape: it is all that stands between a data set and a network",
    )


def inputs_keep_the_batch(subject: ModalitySubject) -> None:
    """(..., *sample) -> (..., *input), for one leading dimension or two, and finite."""
    one = subject.modality.inputs(subject.samples)
    two = subject.modality.inputs(subject.samples[None])
    if len(one) != len(subject.samples) or two.shape != (1, *one.shape):
        raise Fault(
            f"inputs of {len(subject.samples)} samples are {tuple(one.shape)}, of 1 x {len(subject.samples)} "
            f"{tuple(two.shape)}",
            "work on the last dimensions: episodes have (tasks, samples, ...)",
        )
    if not one.isfinite().all():
        raise Fault("inputs are not finite", "guard divisions: a column may have no variance")


def samples_are_seen_apart(subject: ModalitySubject) -> None:
    """Neither inputs nor a view of a sample depend on the others of the batch."""
    whole, some = subject.modality.inputs(subject.samples), subject.modality.inputs(subject.samples[:3])
    if not torch.allclose(whole[:3], some):
        raise Fault("inputs of a sample depend on the other samples of the batch", "measure the training split instead")


def samples_are_left_as_they_are(subject: ModalitySubject) -> None:
    """`inputs` and `view` change no sample: the next epoch meets it again."""
    samples = subject.samples
    subject.modality.inputs(samples)
    subject.modality.view(samples, Draw(len(samples), torch.Generator().manual_seed(0)))
    if not torch.equal(subject.samples, samples):
        raise Fault("making inputs or views changes the samples", "work on a copy: no in-place operation comes first")


def views_look_like_inputs(subject: ModalitySubject) -> None:
    """A view has the shape and type of inputs."""
    view, inputs = subject.view(), subject.modality.inputs(subject.samples)
    if view.shape != inputs.shape or view.dtype != inputs.dtype:
        seen = f"views are {view.dtype} {tuple(view.shape)}, inputs {inputs.dtype} {tuple(inputs.shape)}"
        raise Fault(seen, "end `view` with what `inputs` does: normalised, as the network is used to")


def views_repeat_themselves(subject: ModalitySubject) -> None:
    """The same draw gives the same view, another one another, if it `augments`; no global random state moves."""
    with random_states_kept("making a view"):
        one, same, other = subject.view(0), subject.view(0), subject.view(1)
    if not torch.equal(one, same):
        raise Fault("two views by the same random numbers differ", "draw from `draw` alone")
    if torch.equal(one, other) == subject.modality.augments:
        said = "are the same" if subject.modality.augments else "differ"
        raise Fault(
            f"`augments` is {subject.modality.augments}, and two views {said}",
            "let `augments` say whether two views of a sample differ",
        )


def parts_of_a_batch_are_parts_of_its_views(subject: ModalitySubject) -> None:
    """Of several devices each makes the views of its part, as one device would make them."""
    half = len(subject.samples) // 2
    if not torch.allclose(subject.view()[half:], subject.view(own=slice(half, len(subject.samples)))):
        raise Fault(
            "views of half a batch differ from half of the views of the batch",
            "draw by the methods of `draw`, which give the numbers of this part",
        )


def only_train_is_measured(subject: ModalitySubject) -> None:
    """With other splits beside `train`, inputs are the same."""
    splits, dataset = subject.loaded.first
    train = splits["train"]
    if not isinstance(train.samples, Tensor) or len(splits) < 2:
        return
    order = torch.arange(len(train)) // 2
    others = {name: Split(train.samples[order]) for name in splits if name != "train"}
    measured = [dataset.modality(each).inputs(subject.samples) for each in (splits, {**others, "train": train})]
    if not torch.equal(*measured):
        raise Fault(
            "with other test samples, inputs of the training samples are others", "measure the split 'train' alone"
        )


def it_fits_itself(subject: ModalitySubject) -> None:
    """Samples of the same shape from another data set are taken as the training data are."""
    fitted = subject.modality.fitted(replace_or_same(subject.modality))
    if not torch.equal(fitted.inputs(subject.samples), subject.modality.inputs(subject.samples)):
        raise Fault("`fitted` changes samples of the same shape", "return self for a modality of equal shape")


def replace_or_same(modality: Modality) -> Modality:
    """An equal one that is another object, where it is a dataclass."""
    return replace(modality) if hasattr(modality, "__dataclass_fields__") else modality  # type: ignore[type-var]


def it_runs_on_a_gpu(subject: ModalitySubject) -> None:
    """Inputs and views on a GPU, where there is one."""
    for device in devices.accelerators():
        with devices.runs_on(device):
            modality, samples = subject.modality.to(device), subject.samples.to(device)
            modality.inputs(samples)
            generator = torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(0)
            modality.view(samples, Draw(len(samples), generator))


NEEDED = (it_is_one,)
CHECKS = (
    other_samples_are_refused,
    inputs_keep_the_batch,
    samples_are_seen_apart,
    samples_are_left_as_they_are,
    views_look_like_inputs,
    views_repeat_themselves,
    parts_of_a_batch_are_parts_of_its_views,
    only_train_is_measured,
    it_fits_itself,
    it_runs_on_a_gpu,
)
