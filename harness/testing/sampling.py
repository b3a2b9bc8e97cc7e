"""Conformance checks of a trained method: it drops parts, and makes samples."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.components import Method
from harness.testing import encoders
from harness.testing.report import Fault
from harness.testing.subjects import MethodSubject
from harness.testing.unchanged import random_states_kept

FEW = 3  # steps
NUMBER = 5  # samples
NEAR = 1  # of integers, such as pixels: rounding in another order
TOLERANCE = 1e-4


def what_ends_a_training_changes_no_score(subject: MethodSubject) -> None:
    """`after_training` leaves features and `adapt` as they are, and what is saved then can be loaded."""
    method, fresh = subject.trained(FEW).eval(), subject.build(seed=1).eval()

    def used(method: Method) -> tuple[Tensor, ...]:
        with torch.no_grad():
            logits = subject.adapts(method)
            return method.encode(subject.inputs()), *(() if logits is None else (logits,))

    before = used(method)
    method.after_training()
    fresh.after_training()
    if not all(map(torch.equal, before, used(method))):
        raise Fault(
            "after `after_training`, its features or what `adapt` gives are others",
            "remove only what `loss` alone needs",
        )
    encoders.check_saved(method, fresh, lambda each: used(each)[-1], "result of `adapt`")  # type: ignore[arg-type]


def samples_are_made_apart(subject: MethodSubject) -> None:
    """Those of a method that makes some are of the training split's kind, follow the generator alone, and are the same
    one by one as together."""
    method = subject.trained(FEW).eval()
    method.after_training()

    def made(*numbers: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            return [method.sample(number, generator) for number in numbers]

    try:
        with random_states_kept("making samples"):
            together = made(NUMBER)[0]
    except UsageError:  # it makes none
        return
    samples = subject.data.train.samples
    kind = tuple(getattr(samples, "shape", ())[1:]), getattr(samples, "dtype", None)
    if (len(together), (tuple(together.shape[1:]), together.dtype)) != (NUMBER, kind):
        raise Fault(
            f"{NUMBER} samples are {together.dtype} {tuple(together.shape)}, those of the data {kind[1]} {kind[0]}",
            "give samples as the training split has them, before any normalisation",
        )
    apart = torch.cat(made(*[1] * NUMBER))
    near = TOLERANCE if together.is_floating_point() else NEAR
    if (together.double() - apart.double()).abs().max() > near:
        raise Fault(
            "samples that are made together are others than those made one by one",
            "draw one sample after the other from `generator`, and use no statistics of the batch: eval mode",
        )


CHECKS = (what_ends_a_training_changes_no_score, samples_are_made_apart)
