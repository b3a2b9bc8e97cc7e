"""The conformance checks of a backbone."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.building import load_data
from harness.learning.data.images import ImageShape
from harness.learning.data.modality import Shape
from harness.learning.data.splits import Data
from harness.learning.data.streaming import at
from harness.learning.data.text import TextShape
from harness.learning.data.vectors import VectorShape
from harness.learning.seeding import seed_all, seed_torch
from harness.suite.cell import Component
from harness.testing import content, declared, devices, encoders
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import different, first_names, never_seeds, random_states_kept, settings_kept

SHAPES = (
    ImageShape(3, 32, 32),
    ImageShape(1, 28, 28),
    ImageShape(3, 21, 17),
)  # of images: colour, grey, and of odd sides; only the first must be taken
KNOWN: dict[str, tuple[Shape, ...]] = {"images": SHAPES, "vectors": (VectorShape(12),), "text": (TextShape(),)}
TEXTS = (
    "A man plays a guitar.", "Two dogs run through the snow.", "Rain.", "What does it cost?", "The train is late.",
    "She reads, he cooks.", "A man is playing the guitar.", "Nobody came.", "Prices rose by 3 % in May.", "Ω is one.",
    "Snow falls on the hills.", "They walked home in silence, each with thoughts of their own.",
)  # fmt: skip


def check_backbone(name: str, /, *, data: str | None = None, **options: Any) -> None:
    """Check a registered backbone: build it for images of several shapes, or for its own modality, and use it.

    Args:
        name: Registered name of the backbone.
        data: A registered data set, for a modality that is not bundled.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    subject = BackboneSubject(component("backbone", name, options), data)
    conform(f"backbone '{name}'", subject, CHECKS, NEEDED)


@dataclass(frozen=True)
class BackboneSubject:
    """A registered backbone with its options, and the name of a data set for it."""

    component: Component
    dataset: str | None = None

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """That it is built for; only the first must be taken. Raises UsageError for an unknown modality."""
        if self.data is not None:
            return (self.data.modality.shape,)
        modality = self.component.spec.modality
        if modality not in KNOWN:
            raise UsageError(
                f"nothing is known of {modality}: name a data set that gives it, check_backbone(data=...)."
            )
        return KNOWN[modality]

    @cached_property
    def data(self) -> Data | None:
        found = self.dataset and component("dataset", self.dataset, {})
        return load_data(found, torch.device("cpu")) if found else None

    def build(self, shape: Shape = None, seed: int = 0) -> nn.Module:
        seed_torch(seed)
        network: nn.Module = self.component.spec.load()(self.component.config, shape or self.shapes[0])
        if (fit := getattr(network, "fit_tokenizer", None)) is not None:
            with tempfile.TemporaryDirectory() as folder:
                fit(TEXTS, Path(folder))
        return network

    def inputs(self, shape: Shape = None, number: int = 12) -> Tensor:
        """What it would see of some samples: random numbers, the data set's own samples, or its own tokens."""
        if (tokenize := getattr(self.build(), "tokenize", None)) is not None:
            return tokenize(TEXTS[:number])
        if self.data is not None:
            return self.data.inputs(at(self.data.train.samples, torch.arange(number)))
        return torch.randn(number, *(shape or self.shapes[0]), generator=torch.Generator().manual_seed(0))


def it_can_be_built(subject: BackboneSubject) -> None:
    """For colour images of 32x32, or what else it takes, as a module that says how wide its features are."""
    try:
        network = subject.build()
    except UsageError as error:
        raise Fault(str(error).removesuffix("."), "give check_backbone options that fit what it builds for") from error
    if not isinstance(network, nn.Module):
        raise Fault(f"it is a {type(network).__name__}", "return a torch.nn.Module")
    if not isinstance(getattr(network, "feature_dim", None), int):
        raise Fault("it has no attribute `feature_dim`", "set self.feature_dim to the width of its features, an int")


def features_have_the_announced_width(subject: BackboneSubject) -> None:
    """(N, ...) -> (N, feature_dim) for all N and for samples of several shapes, or a UsageError that refuses one."""
    for shape in subject.shapes:
        try:
            network = subject.build(shape).eval()
        except UsageError:
            if shape == subject.shapes[0]:
                raise
            continue
        encoders.check_sizes(network, subject.inputs(shape), network.feature_dim)  # type: ignore[arg-type]  # an int


def features_are_finite_floats(subject: BackboneSubject) -> None:
    """What methods and evaluators can use."""
    with torch.no_grad():
        encoders.check_values(subject.build().eval()(subject.inputs()))


def samples_are_encoded_apart(subject: BackboneSubject) -> None:
    """In eval mode, no image has a part in another's features."""
    network = subject.build().train()
    network(subject.inputs())
    encoders.check_apart(network.eval(), subject.inputs())


def all_of_an_image_is_seen(subject: BackboneSubject) -> None:
    """Features depend on each channel and on each quarter of an image."""
    if not isinstance(subject.shapes[0], ImageShape):
        return
    network, images = subject.build().train(), subject.inputs().requires_grad_()
    features = network(images * 1)  # no leaf, which could not be changed in place: another check says so
    directions = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    (slopes,) = torch.autograd.grad((features * directions).sum(), images)
    channels, height, width = subject.shapes[0]
    parts = {f"channel {number}": slopes[:, number] for number in range(channels)}
    for place, rows in (("upper", slice(height // 2)), ("lower", slice(height // 2, height))):
        parts[f"the {place} left quarter"] = slopes[:, :, rows, : width // 2]
        parts[f"the {place} right quarter"] = slopes[:, :, rows, width // 2 :]
    unseen = [name for name, slope in parts.items() if not slope.any()]
    if unseen and len(unseen) < len(parts):  # nothing can be said of features that are zero at first
        raise Fault(
            f"features of images of {channels}x{height}x{width} do not depend on {first_names(unseen)}",
            "build the first layer for the channels of `shape`, and cut nothing off",
        )


def texts_are_tokenized_apart(subject: BackboneSubject) -> None:
    """`tokenize`: N texts -> int64 (N, L). A text has the same features whichever others it was tokenized with."""
    network = subject.build().eval()
    tokenize = getattr(network, "tokenize", None)
    if tokenize is None:
        if subject.component.spec.modality == "text":
            raise Fault("it takes text and has no `tokenize`", "give it `tokenize(texts) -> int64 (N, L)`")
        return
    tokens = tokenize(TEXTS)
    if (
        not isinstance(tokens, Tensor)
        or tokens.dtype != torch.int64
        or tokens.shape[:1] != (len(TEXTS),)
        or tokens.ndim != 2
    ):
        seen = f"{tokens.dtype} {tuple(tokens.shape)}" if isinstance(tokens, Tensor) else type(tokens).__name__
        raise Fault(f"`tokenize` gives {seen} for {len(TEXTS)} texts", "give int64 (N, L), padded")
    if not torch.equal(tokens, tokenize(TEXTS)):
        raise Fault(
            "the same texts have other tokens the second time", "make the vocabulary in __init__, not on the way"
        )
    with torch.no_grad():
        together, alone = network(tokens)[2:3], network(tokenize(TEXTS[2:3]))
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-4):
        raise Fault(
            "a text's features depend on how long the others are", "leave padding out: a mask, or a token for it"
        )


def maps_are_of_each_image(subject: BackboneSubject) -> None:
    """`maps`, where there is one: a list of float (N, C, H, W), the finest first."""
    network = subject.build().eval()
    maps = getattr(network, "maps", None)
    if maps is None:
        return
    with torch.no_grad():
        found = maps(subject.inputs())
    if not isinstance(found, list | tuple) or not found or not all(isinstance(each, Tensor) for each in found):
        raise Fault(f"`maps` gives a {type(found).__name__}", "give a list of tensors (N, C, H, W)")
    if any(each.ndim != 4 or len(each) != 12 or not each.is_floating_point() for each in found):
        raise Fault(f"maps of 12 images are {[tuple(each.shape) for each in found]}", "give float (N, C, H, W)")
    sizes = [each.shape[2] * each.shape[3] for each in found]
    if sizes != sorted(sizes, reverse=True):
        raise Fault(f"maps have {sizes} places, in this order", "give the finest first")


def strides_are_those_of_the_maps(subject: BackboneSubject) -> None:
    """`strides`, beside `maps`: by how much each map is coarser than the image, rounded up or down."""
    network, shape = subject.build().eval(), subject.shapes[0]
    if getattr(network, "maps", None) is None or not isinstance(shape, ImageShape):
        return
    with torch.no_grad():
        sides = [tuple(each.shape[2:]) for each in network.maps(subject.inputs())]  # type: ignore[operator]
    strides: Any = getattr(network, "strides", None)
    whole = isinstance(strides, list | tuple) and all(isinstance(each, int) and each > 0 for each in strides)
    if not whole or len(strides) != len(sides):
        raise Fault(f"`strides` is {strides!r}, and there are {len(sides)} maps", "give a whole number for each map")
    for stride, found in zip(strides, sides, strict=True):
        if any(own not in (side // stride, -(-side // stride)) for own, side in zip(found, shape[1:], strict=True)):
            raise Fault(
                f"a map of stride {stride} is {found[0]}x{found[1]} for images of {shape.height}x{shape.width}",
                "give pixels of the image per place of the map",
            )


def images_are_left_as_they_are(subject: BackboneSubject) -> None:
    """A pass, in training or not, changes nothing in its input."""
    network = subject.build()
    for mode in (True, False):
        encoders.check_input_kept(network.train(mode), subject.inputs())


def gradients_reach_every_parameter(subject: BackboneSubject) -> None:
    """In training, the features depend on every parameter, and none is without requires_grad."""
    network = subject.build().train()
    if frozen := [name for name, weight in network.named_parameters() if not weight.requires_grad]:
        raise Fault(f"{first_names(frozen)} has requires_grad=False", "let it learn, or register it as a buffer")
    if not any(True for _ in network.parameters()):
        return  # nothing to learn
    features = network(subject.inputs())
    directions = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))  # a plain sum is constant
    (features * directions).sum().backward()  # after a batch norm
    if idle := [name for name, weight in network.named_parameters() if weight.grad is None]:
        raise Fault(f"no gradient reaches {first_names(idle)}", "use it in `forward` without detach(), or leave it out")


def building_repeats_itself(subject: BackboneSubject) -> None:
    """The same seed gives the same weights, whatever else was drawn before; another seed gives others, unless they are
    read from a file."""
    states = []
    for before, seed in ((1, 0), (2, 0), (3, 1)):
        seed_all(before)
        states.append(subject.build(seed=seed).state_dict())
    change = "initialise from torch's global generator, as torch.nn.init does; the harness seeds it before each build"
    if changed := different(states[0], states[1]):
        raise Fault(f"two builds with one seed have different {first_names(changed)}", change)
    if states[0] and not different(states[0], states[2]) and not content.reads_files(subject.component.config):
        raise Fault("builds with different seeds have the same weights", change)


def it_can_be_saved_and_loaded(subject: BackboneSubject) -> None:
    """What is loaded from the saved file has the same features."""
    trained, fresh = subject.build().train(), subject.build(seed=1)
    trained(subject.inputs())

    def features(network: nn.Module) -> Tensor:
        with torch.no_grad():
            return network.eval()(subject.inputs())

    encoders.check_saved(trained, fresh, features, "encoding")


def settings_of_the_process_are_kept(subject: BackboneSubject) -> None:
    """Default dtype, threads and the like are as before."""
    with settings_kept("building or using it"):
        subject.build().train()(subject.inputs())


def global_generators_are_not_seeded(subject: BackboneSubject) -> None:
    """Building and a pass in training may draw from the global generators, but not seed them."""
    spec, config = subject.component.spec, subject.component.config
    never_seeds("building it", lambda: spec.load()(config, subject.shapes[0]))
    network, inputs = subject.build().train(), subject.inputs()
    never_seeds("a pass in training", lambda: network(inputs))


def encoding_draws_no_random_numbers(subject: BackboneSubject) -> None:
    """In eval mode, the global random states are left alone."""
    network, images = subject.build().eval(), subject.inputs()
    with random_states_kept("encoding in eval mode"), torch.no_grad():
        network(images)


def it_runs_on_a_gpu(subject: BackboneSubject) -> None:
    """Features and gradients on a GPU, where there is one."""
    for device in devices.accelerators():
        with devices.runs_on(device):
            features = subject.build().to(device).train()(subject.inputs().to(device))
            if features.requires_grad:
                features.sum().backward()


NEEDED = (it_can_be_built,)
CHECKS = (
    *declared.EVERY,
    content.the_fingerprint_identifies_the_content,
    features_have_the_announced_width,
    features_are_finite_floats,
    samples_are_encoded_apart,
    all_of_an_image_is_seen,
    texts_are_tokenized_apart,
    maps_are_of_each_image,
    strides_are_those_of_the_maps,
    images_are_left_as_they_are,
    gradients_reach_every_parameter,
    building_repeats_itself,
    it_can_be_saved_and_loaded,
    settings_of_the_process_are_kept,
    global_generators_are_not_seeded,
    encoding_draws_no_random_numbers,
    it_runs_on_a_gpu,
)
