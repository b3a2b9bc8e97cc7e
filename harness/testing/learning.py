"""Conformance checks of a method's training: every parameter learns, runs are reproducible, and accuracy rises."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.learning.components import Method
from harness.learning.data.batches import EpisodeBatch, LabelledBatch
from harness.learning.data.splits import Data
from harness.learning.seeding import seed_all
from harness.testing import encoders
from harness.testing.report import Fault
from harness.testing.subjects import MethodSubject, accuracy, scalar
from harness.testing.unchanged import different, first_names

FEW = 3  # steps, after which a layer that starts at zero lets gradients through
SEVERAL = 6  # steps, in which a memory of classes meets all of them
ENOUGH = (40, 80, 160)  # steps to learn the kit's problem; more are tried only where fewer do not do
MARGIN = 0.1  # of accuracy, over the same training at a rate near zero
NEAR_ZERO = 1e-6  # of the recipe's learning rate
BATCHES, LOWER = 10, 0.1  # of so many batches, the mean loss with the right labels is lower by so much of it


def gradients_reach_every_parameter(subject: MethodSubject) -> None:
    """In some of the first steps, every parameter with requires_grad has a gradient other than zero."""
    method = subject.build()
    if method.batches is None:
        return
    reached: set[str] = set()

    def note(name: str, weight: Tensor) -> None:
        if weight.grad is not None and weight.grad.any():
            reached.add(name)

    learning = [name for name, weight in method.named_parameters() if weight.requires_grad]
    for name, weight in method.named_parameters():
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(partial(note, name))
    subject.train(method, FEW)
    if idle := [name for name in learning if name not in reached]:
        raise Fault(
            f"no gradient reaches {first_names(idle)}",
            "let `loss` depend on it (no detach(), no no_grad() on its way), or make it a buffer",
        )


def no_parameter_is_frozen(subject: MethodSubject) -> None:
    """A parameter without requires_grad is one that `after_step` moves, such as a momentum network's."""
    method = subject.build()
    if method.batches is None:
        return
    before = {name: weight.clone() for name, weight in method.named_parameters() if not weight.requires_grad}
    subject.train(method, FEW)
    moved = different(before, {name: dict(method.named_parameters())[name].data for name in before})
    if idle := [name for name in before if name not in moved]:
        raise Fault(
            f"{first_names(idle)} has requires_grad=False and no step changes it",
            "let it learn, move it in `after_step`, or register it as a buffer, which says that it is constant",
        )


def training_repeats_itself(subject: MethodSubject) -> None:
    """The same seed gives the same weights and losses, bit for bit, whatever was drawn before."""
    states, logs = [], []
    for before in (1, 2):
        seed_all(before)
        method = subject.build()
        losses: list[float] = []
        if method.batches is not None:
            subject.train(method, FEW, losses)
        states.append(method.state_dict())
        logs.append(losses)
    if changed := different(*states):
        raise Fault(
            f"two trainings with one seed end with different {first_names(changed)}",
            "draw from torch's global generator, which is seeded for building, or in `loss` from any of the three",
        )
    if logs[0] != logs[1]:
        raise Fault(
            f"two trainings with one seed have the losses {logs[0]} and {logs[1]}", "draw from seeded generators"
        )


def it_can_be_saved_and_loaded(subject: MethodSubject) -> None:
    """What is loaded from the saved file has the same features and the same next loss."""
    trained, fresh = subject.build(), subject.build(seed=1)
    if trained.batches is not None:
        subject.train(trained, FEW)

    def features(method: Method) -> Tensor:
        return method.eval().encode(subject.inputs()).detach()

    def next_loss(method: Method) -> Tensor:
        assert method.batches is not None
        return scalar(method.train(), subject.batch(method.batches, FEW)).detach()

    encoders.check_saved(trained, fresh, features, "encoding")  # type: ignore[arg-type]  # both are Methods
    if trained.batches is not None:
        encoders.check_saved(trained, fresh, next_loss, "next loss")  # type: ignore[arg-type]  # likewise


def queues_move_on(subject: MethodSubject) -> None:
    """A buffer of which a step replaces a part, such as a queue of keys, is not replaced in the same part each time."""
    method = subject.build().train()
    if method.batches is None:
        return
    changed: dict[tuple[str, int], list[Tensor]] = {}  # of each buffer, along each side: whether its slices changed
    for step in range(SEVERAL):
        before = {name: buffer.clone() for name, buffer in method.named_buffers() if buffer.ndim > 1}
        scalar(method, subject.batch(method.batches, step), step)
        method.after_step(step, SEVERAL)
        after = dict(method.named_buffers())
        for name, was in before.items():
            if after[name].shape == was.shape:
                moved = after[name] != was
                for side in range(was.ndim):
                    slices = moved.movedim(side, 0).flatten(1).any(1)
                    changed.setdefault((name, side), []).append(slices)
    for (name, side), each in changed.items():
        if each[0].any() and not each[0].all() and all(torch.equal(each[0], other) for other in each[1:]):
            kept = (~each[0]).nonzero()[:, 0].tolist()
            raise Fault(
                f"every step changes the same {int(each[0].sum())} of {len(each[0])} places along dimension {side} of "
                f"the buffer {name}, and none changes the others, {_places(kept)}",
                "move the place to write at by as much as was written, in place, so that the buffer keeps it",
            )


def _places(numbers: list[int]) -> str:
    """ "64 to 255", or the first few."""
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return first_names([str(number) for number in numbers])


def only_train_is_learned_from(subject: MethodSubject) -> None:
    """With other images and labels in the splits that are not `train`, state and loss are the same."""
    one, same, other = (_start(subject, data) for data in (subject.data, subject.data, subject.tested_elsewhere))
    if different(one, same):  # another check says that it does not repeat itself
        return
    if changed := different(one, other):
        raise Fault(
            f"with another test split, {first_names(changed)} is another",
            "take sizes, statistics and classes from `data.train` alone; what a method is scored on stays unseen",
        )


def _start(subject: MethodSubject, data: Data) -> dict[str, Tensor]:
    """The state that it is built with, and the loss of the first batch."""
    method = subject.build(data=data).train()
    state = {name: value.clone() for name, value in method.state_dict().items()}
    if method.batches is not None:
        state["the loss"] = scalar(method, subject.batch(method.batches)).detach()
    return state


def it_learns(subject: MethodSubject) -> None:
    """Few-shot accuracy on the test split, by its own `adapt`, is at least MARGIN above that of the same training at a
    learning rate near zero, which fits nothing but the running statistics of batch norm. The loss of a method that
    trains on labels is then lower with the right labels than with others."""
    if subject.build().batches is None:
        return
    still = accuracy(subject.trained(ENOUGH[0], NEAR_ZERO), subject.data)  # by then, running statistics have settled
    fault: Fault | None = None
    for steps in ENOUGH:
        fault = _not_learned(subject, steps, still)
        if fault is None:
            return
    if fault is not None:
        raise fault


def _not_learned(subject: MethodSubject, steps: int, still: float) -> Fault | None:
    """What shows that so many steps taught it nothing, or the wrong thing; None if nothing does. `still` is the
    accuracy with a rate near zero."""
    method = subject.trained(steps)
    reached = accuracy(method, subject.data)
    if reached < still + MARGIN:
        return Fault(
            f"accuracy is {reached:.2f} after {steps} steps of a problem that is easily learned, and {still:.2f} "
            f"after {ENOUGH[0]} with a rate near zero",
            "look for a wrong sign, wrong labels, a stopped gradient or a rate that does not fit (the `budget` "
            "given at registration)",
        )
    right, wrong = _losses(subject, method, steps)
    if right > (1 - LOWER) * wrong:
        return Fault(
            f"after {steps} steps, the loss is {right:.2f} with the right labels and {wrong:.2f} with others",
            "look for labels that are permuted or shifted on their way to the loss",
        )
    return None


def _losses(subject: MethodSubject, method: Method, step: int) -> tuple[float, float]:
    """The mean loss of the batches from `step` on, with the right labels and with others; zeros without labels."""
    assert method.batches is not None
    right = wrong = 0.0
    for each in range(step, step + BATCHES):
        batch = subject.batch(method.batches, each)
        if (other := _mislabelled(batch, len(subject.data.train.classes))) is None:
            return 0.0, 0.0
        right += scalar(method, batch, each).item() / BATCHES
        wrong += scalar(method, other, each).item() / BATCHES
    return right, wrong


def _mislabelled(batch: Any, classes: int) -> Any:
    """The batch with each label (of queries, in episodes) raised by one; None for one without labels."""
    if isinstance(batch, EpisodeBatch):
        ways = int(batch.query_labels.max()) + 1
        return batch._replace(query_labels=(batch.query_labels + 1) % ways)
    return batch._replace(labels=(batch.labels + 1) % classes) if isinstance(batch, LabelledBatch) else None


CHECKS = (
    gradients_reach_every_parameter,
    no_parameter_is_frozen,
    training_repeats_itself,
    it_can_be_saved_and_loaded,
    queues_move_on,
    only_train_is_learned_from,
    it_learns,
)
