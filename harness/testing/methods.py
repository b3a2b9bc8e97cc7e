"""The conformance checks of a method."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.components import Method
from harness.learning.data.batches import Batches, Source, Views
from harness.suite.optimizer import name_and_options
from harness.testing import adapting, content, declared, devices, encoders, learning, sampling
from harness.testing.declared import component
from harness.testing.problem import DESCRIBED, small_net
from harness.testing.ranks import two_devices_learn_what_one_does
from harness.testing.report import Fault, conform
from harness.testing.subjects import BATCH, MethodSubject, scalar
from harness.testing.unchanged import (
    different,
    first_names,
    network_kept,
    never_seeds,
    random_states_kept,
    settings_kept,
)


def check_method(
    name: str,
    /,
    *,
    data: str | None = None,
    backbone: str | dict[str, Any] | None = None,
    start: str | None = None,
    **options: Any,
) -> None:
    """Check a registered method: build, train and use it, by default on the images of the kit.

    Args:
        name: Registered name of the method.
        data: For methods that need other samples: a registered data set with the splits train and test. Without a
            labelled test split, nothing that needs classes is checked: `adapt`, and whether accuracy rises.
        backbone: A registered backbone, or one with options as in a suite: {"use": name, option: value}. It must be
            given with `data`.
        start: For methods that need a trained backbone: a registered method that trains it for a short time before.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
        UsageError: `data` is given without `backbone`.
    """
    if data is not None and backbone is None:
        raise UsageError("check_method: data need a backbone that takes them; give one.")
    dataset = None if data is None else component("dataset", data, {})
    network = small_net() if backbone is None else component("backbone", *name_and_options(backbone))
    begins = None if start is None else MethodSubject(component("method", start, {}), dataset, network)
    subject = MethodSubject(component("method", name, options), dataset, network, begins)
    checks = CHECKS if subject.classified else tuple(check for check in CHECKS if check not in OF_CLASSES)
    conform(f"method '{name}'", subject, checks, NEEDED)


def it_can_be_built(subject: MethodSubject) -> None:
    """From a backbone, options and data; what it consumes fits the data."""
    try:
        method = subject.build()
        if not isinstance(method, Method):
            raise Fault(f"it is a {type(method).__name__}", "derive it from harness.Method")
        if not isinstance(method.batches, Batches | None):
            known = "Views, Labelled, Episodes, a class with all methods of harness.Batches, or None"
            raise Fault(f"`batches` is {method.batches!r}", f"set it in __init__ to {known}")
        if method.batches is not None:
            method.batches.check(Source(subject.data, BATCH, 0))
    except UsageError as error:
        fitting = f"give check_method options that fit its data: {DESCRIBED}, in batches of {BATCH}"
        raise Fault(str(error).removesuffix("."), fitting) from error


def the_loss_is_a_scalar(subject: MethodSubject) -> None:
    """A finite float32 scalar, or a dict of scalars with "loss"."""
    method = subject.build().train()
    if method.batches is None:
        return
    given = method.loss(subject.batch(method.batches))
    scalars = given if isinstance(given, dict) else {"loss": given}
    if "loss" not in scalars:
        raise Fault(f"`loss` gives a dict of {', '.join(scalars)}", 'name the one to minimise "loss"')
    for name, value in scalars.items():
        if not isinstance(value, Tensor) or value.ndim or not value.isfinite():
            seen = tuple(value.shape) if isinstance(value, Tensor) and value.ndim else value
            raise Fault(f"`loss` gives {name}: {seen}", "give finite scalar tensors: mean() over the batch")
    if scalars["loss"].dtype != torch.float32:
        raise Fault(f"the loss is {scalars['loss'].dtype}", "compute it in float32, under autocast as well: .float()")


def encode_takes_any_batch(subject: MethodSubject) -> None:
    """`encode`: (N, C, H, W) -> (N, D) for all N, with the same D."""
    method = subject.build().eval()
    encoders.check_sizes(method.encode, subject.inputs())


def features_are_finite_floats(subject: MethodSubject) -> None:
    """What evaluators can use."""
    with torch.no_grad():
        encoders.check_values(subject.build().eval().encode(subject.inputs()))


def samples_are_encoded_apart(subject: MethodSubject) -> None:
    """In eval mode, no image has a part in another's features."""
    encoders.check_apart(subject.trained(3).eval().encode, subject.inputs())


def no_label_reaches_a_loss_of_views(subject: MethodSubject) -> None:
    """A method of Views has the same loss on data whose labels are permuted."""
    if not subject.data.train.labelled:
        return
    losses = []
    for data in (subject.data, subject.relabelled):
        method = subject.build(data=data).train()
        if not isinstance(method.batches, Views):
            return
        losses.append(scalar(method, subject.batch(method.batches, data=data)))
    if not torch.equal(*losses):
        raise Fault(
            "with permuted labels, the loss is another",
            "use no labels, of `data` neither; a method that needs them sets `batches` to Labelled or Episodes",
        )


def settings_of_the_process_are_kept(subject: MethodSubject) -> None:
    """Default dtype, threads and the like are as before."""
    with settings_kept("building or using it"):
        _use(subject, subject.build())


def global_generators_are_not_seeded(subject: MethodSubject) -> None:
    """Building and `loss` may draw from the global generators, which the harness seeds, but not seed them."""
    method = subject.build().train()
    never_seeds("building it", lambda: subject.component.spec.load()(method.backbone, method.config, subject.data))
    if method.batches is not None:
        batch = subject.batch(method.batches)

        def step() -> None:
            method.loss(batch)
            method.after_step(0, 10)

        never_seeds("a training step", step)


def encoding_draws_no_random_numbers(subject: MethodSubject) -> None:
    """`encode` and `adapt` leave the global random states alone."""
    method = subject.build().eval()
    with random_states_kept("encoding or adapting"), torch.no_grad():
        method.encode(subject.inputs())
        subject.adapts(method)


def evaluation_leaves_it_untouched(subject: MethodSubject) -> None:
    """`encode` and `adapt` change no weight, buffer, mode or gradient, nor `encode` its images."""
    method, images = subject.build().eval(), subject.inputs()
    with network_kept(method, "encoding or adapting"):
        encoders.check_input_kept(method.encode, images)
        subject.adapts(method)


def it_can_be_copied(subject: MethodSubject) -> None:
    """`copy.deepcopy` gives a method of the same state: what is scored while it trains is a copy."""
    method = subject.build()
    try:
        twin = copy.deepcopy(method)
    except Exception as error:
        raise Fault(
            f"copy.deepcopy raises {type(error).__name__}: {error}",
            "keep no module, file or simulator in it, or give what holds one a __reduce__ or __deepcopy__",
        ) from error
    if changed := different(method.state_dict(), twin.state_dict()):
        raise Fault(f"the copy has another {first_names(changed)}", "let __deepcopy__ copy parameters and buffers")


def it_runs_on_a_gpu(subject: MethodSubject) -> None:
    """Loss, gradient, step and features on a GPU, where there is one."""
    for device in devices.accelerators():
        with devices.runs_on(device):
            _use(subject, subject.build(), device)


def _use(subject: MethodSubject, method: Method, device: torch.device | None = None) -> None:
    """A step, and features, on a device."""
    device = device or torch.device("cpu")
    method = method.to(device).train()
    if method.batches is not None:
        scalar(method, devices.moved(subject.batch(method.batches), device)).backward()
        method.after_step(0, 10)
    features = method.eval().encode(subject.inputs().to(device))
    if features.device.type != device.type:
        raise Fault(f"features of images on {device.type} are on {features.device.type}", "keep them where they are")


NEEDED = (it_can_be_built, the_loss_is_a_scalar)
OF_CLASSES = (*adapting.CHECKS, learning.it_learns)  # what needs a labelled test split
CHECKS = (
    *declared.EVERY,
    content.the_fingerprint_identifies_the_content,
    encode_takes_any_batch,
    features_are_finite_floats,
    samples_are_encoded_apart,
    *adapting.CHECKS,
    *learning.CHECKS,
    *sampling.CHECKS,
    no_label_reaches_a_loss_of_views,
    settings_of_the_process_are_kept,
    global_generators_are_not_seeded,
    encoding_draws_no_random_numbers,
    evaluation_leaves_it_untouched,
    it_can_be_copied,
    two_devices_learn_what_one_does,
    it_runs_on_a_gpu,
)
