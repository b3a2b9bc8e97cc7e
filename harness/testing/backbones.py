"""The checks of a backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.training import seed_all
from harness.suite.cell import Component
from harness.testing import content, declared, devices, encoders
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import different, listed, never_seeds, random_states_kept, settings_kept

SHAPES = (
    (3, 32, 32),
    (1, 28, 28),
    (3, 21, 17),
)  # of samples: colour, grey, and of odd sides; only the first must be taken


def check_backbone(name: str, **options: Any) -> None:
    """Build a registered backbone with these options for images of several shapes, and use it.

    Raises ConformanceError with every check that failed.
    """
    conform(f"backbone '{name}'", BackboneSubject(component("backbone", name, options)), CHECKS, NEEDED)


@dataclass(frozen=True)
class BackboneSubject:
    """A registered backbone with its options."""

    component: Component

    def build(self, shape: tuple[int, int, int] = SHAPES[0], seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        network: nn.Module = self.component.spec.load()(self.component.config, shape)
        return network

    def images(self, shape: tuple[int, int, int] = SHAPES[0], number: int = 12) -> Tensor:
        return torch.randn(number, *shape, generator=torch.Generator().manual_seed(0))


def it_can_be_built(subject: BackboneSubject) -> None:
    """For colour images of 32x32, as a module that says how wide its features are."""
    network = subject.build()
    if not isinstance(network, nn.Module):
        raise Fault(f"it is a {type(network).__name__}", "return a torch.nn.Module")
    if not isinstance(getattr(network, "feature_dim", None), int):
        raise Fault("it has no attribute `feature_dim`", "set self.feature_dim to the width of its features, an int")


def features_have_the_announced_width(subject: BackboneSubject) -> None:
    """(N, C, H, W) -> (N, feature_dim) for all N and for images of several shapes, or a UsageError that refuses one."""
    for shape in SHAPES:
        try:
            network = subject.build(shape).eval()
        except UsageError:
            if shape == SHAPES[0]:
                raise
            continue
        encoders.check_sizes(network, subject.images(shape), network.feature_dim)  # type: ignore[arg-type]  # an int


def features_are_finite_floats(subject: BackboneSubject) -> None:
    """What methods and evaluators can use."""
    with torch.no_grad():
        encoders.check_values(subject.build().eval()(subject.images()))


def samples_are_encoded_apart(subject: BackboneSubject) -> None:
    """In eval mode, no image has a part in another's features."""
    network = subject.build().train()
    network(subject.images())
    encoders.check_apart(network.eval(), subject.images())


def all_of_an_image_is_seen(subject: BackboneSubject) -> None:
    """Features depend on each channel and on each quarter of an image."""
    network, images = subject.build().train(), subject.images().requires_grad_()
    features = network(images * 1)  # no leaf, which could not be changed in place: another check says so
    directions = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    (slopes,) = torch.autograd.grad((features * directions).sum(), images)
    channels, height, width = SHAPES[0]
    parts = {f"channel {number}": slopes[:, number] for number in range(channels)}
    for place, rows in (("upper", slice(height // 2)), ("lower", slice(height // 2, height))):
        parts[f"the {place} left quarter"] = slopes[:, :, rows, : width // 2]
        parts[f"the {place} right quarter"] = slopes[:, :, rows, width // 2 :]
    unseen = [name for name, slope in parts.items() if not slope.any()]
    if unseen and len(unseen) < len(parts):  # nothing can be said of features that are zero at first
        raise Fault(
            f"features of images of {channels}x{height}x{width} do not depend on {listed(unseen)}",
            "build the first layer for the channels of `shape`, and cut nothing off",
        )


def images_are_left_as_they_are(subject: BackboneSubject) -> None:
    """A pass, in training or not, changes nothing in its input."""
    network = subject.build()
    for mode in (True, False):
        encoders.check_input_kept(network.train(mode), subject.images())


def gradients_reach_every_parameter(subject: BackboneSubject) -> None:
    """In training, the features depend on every parameter, and none is without requires_grad."""
    network = subject.build().train()
    if frozen := [name for name, weight in network.named_parameters() if not weight.requires_grad]:
        raise Fault(f"{listed(frozen)} has requires_grad=False", "let it learn, or register it as a buffer")
    features = network(subject.images())
    directions = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))  # a plain sum is constant
    (features * directions).sum().backward()  # after a batch norm
    if idle := [name for name, weight in network.named_parameters() if weight.grad is None]:
        raise Fault(f"no gradient reaches {listed(idle)}", "use it in `forward` without detach(), or leave it out")


def building_repeats_itself(subject: BackboneSubject) -> None:
    """The same seed gives the same weights, whatever else was drawn before; another seed gives others, unless they are
    read from a file."""
    states = []
    for before, seed in ((1, 0), (2, 0), (3, 1)):
        seed_all(before)
        states.append(subject.build(seed=seed).state_dict())
    change = "initialise from torch's global generator, as torch.nn.init does; the harness seeds it before each build"
    if changed := different(states[0], states[1]):
        raise Fault(f"two builds with one seed have different {listed(changed)}", change)
    if states[0] and not different(states[0], states[2]) and not content.reads_files(subject.component.config):
        raise Fault("builds with different seeds have the same weights", change)


def it_can_be_saved_and_loaded(subject: BackboneSubject) -> None:
    """What is loaded from the saved file has the same features."""
    trained, fresh = subject.build().train(), subject.build(seed=1)
    trained(subject.images())

    def features(network: nn.Module) -> Tensor:
        with torch.no_grad():
            return network.eval()(subject.images())

    encoders.check_saved(trained, fresh, features, "encoding")


def settings_of_the_process_are_kept(subject: BackboneSubject) -> None:
    """Default dtype, threads and the like are as before."""
    with settings_kept("building or using it"):
        subject.build().train()(subject.images())


def global_generators_are_not_seeded(subject: BackboneSubject) -> None:
    """Building and a pass in training may draw from the global generators, but not seed them."""
    spec, config = subject.component.spec, subject.component.config
    never_seeds("building it", lambda: spec.load()(config, SHAPES[0]))
    network = subject.build().train()
    never_seeds("a pass in training", lambda: network(subject.images()))


def encoding_draws_no_random_numbers(subject: BackboneSubject) -> None:
    """In eval mode, the global random states are left alone."""
    network, images = subject.build().eval(), subject.images()
    with random_states_kept("encoding in eval mode"), torch.no_grad():
        network(images)


def it_runs_on_a_gpu(subject: BackboneSubject) -> None:
    """Features and gradients on a GPU, where there is one."""
    for device in devices.accelerators():
        with devices.runs_on(device):
            subject.build().to(device).train()(subject.images().to(device)).sum().backward()


NEEDED = (it_can_be_built,)
CHECKS = (
    *declared.EVERY,
    content.the_fingerprint_identifies_the_content,
    features_have_the_announced_width,
    features_are_finite_floats,
    samples_are_encoded_apart,
    all_of_an_image_is_seen,
    images_are_left_as_they_are,
    gradients_reach_every_parameter,
    building_repeats_itself,
    it_can_be_saved_and_loaded,
    settings_of_the_process_are_kept,
    global_generators_are_not_seeded,
    encoding_draws_no_random_numbers,
    it_runs_on_a_gpu,
)
