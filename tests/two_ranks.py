"""What one process learns from a batch, or two from its halves: everything in float64, to be compared exactly."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch
from torch import Tensor, nn

from harness import Augmentation, Data, Method, Split, Text
from harness.learning.collectives import _Gather, gather, mean_of_ranks, rank, ranks
from harness.learning.data.batches import Source
from harness.learning.ddp import data_parallel
from harness.plugins.registry import registry
from harness.running.ranks import join
from harness.testing.forking import run_and_exit
from harness.testing.problem import image_data

STEPS = 3
BATCH = 16
Learned = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    texts: bool = False  # whether it learns sentences instead of pictures
    patches: bool = False  # whether its network is a vision transformer
    broken: str = ""  # what is taken away, to see that the comparison finds it

    @property
    def name(self) -> str:
        said = [
            self.method,
            "on texts" if self.texts else "",
            *(f"{key}={value}" for key, value in self.options.items()),
        ]
        return " ".join(filter(None, [*said, self.broken]))


EPISODES = {"ways": 4, "queries": 2, "tasks": 4}
ON_TEXTS: dict[str, dict[str, Any]] = {
    "simclr": {},
    "moco": {"queue_size": 24, "bn_splits": 4},
    "moco_v3": {"hidden_dim": 16, "projection_dim": 8},
    "simsiam": {"projection_dim": 8, "hidden_dim": 4},
    "protonet": {"ways": 6, "shots": 2, "queries": 3},
    "maml": EPISODES,
}
SWAV = {
    "prototypes": 6,
    "projection_dim": 8,
    "hidden_dim": 16,
    "queue_size": 24,
    "small_crops": 2,
    "small_side": 16,
}  # conv4 flattens maps
MAE = {"decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2}
DINO = {"prototypes": 6, "hidden_dim": 16, "bottleneck_dim": 8, "small_crops": 2, "small_side": 16}
CASES = [
    Case("simclr", {"temperature": 0.2}),
    Case("moco", {"queue_size": 24, "bn_splits": 4}),
    Case("moco", {"queue_size": 24, "bn_splits": 1}),
    Case("moco_v3", {"hidden_dim": 16, "projection_dim": 8}),
    Case("simsiam", {"projection_dim": 8, "hidden_dim": 4}),
    Case("supervised"),
    Case("protonet", {"ways": 6, "shots": 2, "queries": 3}),
    *(Case("maml", {**EPISODES, "engine": engine}) for engine in ("learn2learn", "functional", "vmap")),
    Case("maml", {**EPISODES, "batch_norm": "transductive", "first_order": True}),
    Case("anil", EPISODES),
    Case("simcse", {"view": "crop", "rate": 0.3}, texts=True),
    Case("simcse_supervised", {"negative_weight": 2.0}, texts=True),
    *(Case(name, options, texts=True) for name, options in ON_TEXTS.items()),
    Case("protoclr", {"queries": 2}),
    Case("umtra", {"ways": 3, "queries": 2}),
    Case("psco", {"queue_size": 24, "projection_dim": 8, "hidden_dim": 16, "shots": 2}),
    Case("psco", {"queue_size": 24, "projection_dim": 8, "hidden_dim": 16, "shots": 2, "bn_splits": 2}),
    Case("meta_baseline", EPISODES),
    Case("byol", {"projection_dim": 8, "hidden_dim": 16}),
    Case("barlow_twins", {"projection_dim": 8}),
    Case("vicreg", {"projection_dim": 8}),
    Case("nnclr", {"projection_dim": 8, "hidden_dim": 16, "predictor_dim": 12, "queue_size": 24}),
    Case("dcl", {"projection_dim": 8}),
    Case("dclw", {"projection_dim": 8}),
    Case("supcon", {"projection_dim": 8}),
    Case("lejepa", {"projection_dim": 8, "hidden_dim": 16, "slices": 12}),
    Case("swav", SWAV),
    Case("dino", DINO),
    Case("mae", MAE, patches=True),
]
BROKEN = [
    Case("simclr", {"temperature": 0.2}, broken="gradients stay on their rank"),
    Case("simclr", {"temperature": 0.2}, broken="negatives of the own rank only"),
    Case("simcse_supervised", {}, texts=True, broken="all of one rank before the other's"),
    Case("protoclr", {"queries": 2}, broken="prototypes of the own rank only"),
    Case("supervised", {}, broken="batch norm of the own rank only"),
    Case("moco", {"queue_size": 24, "bn_splits": 4}, broken="each rank shuffles for itself"),
    Case("barlow_twins", {"projection_dim": 8}, broken="correlations of the own rank only"),
    Case("lejepa", {"projection_dim": 8, "hidden_dim": 16, "slices": 12}, broken="directions of the own rank"),
    Case("swav", SWAV, broken="codes of the own rank only"),
    Case("dino", DINO, broken="the centre of the own rank only"),
    Case("mae", MAE, patches=True, broken="each rank masks for itself"),
]


def learned(case: Case, rank: int = 0) -> Learned:
    """Losses, gradients, weights and buffers of some steps."""
    with _without(case.broken):
        return _learned(case, rank)


def _learned(case: Case, rank: int) -> Learned:
    torch.manual_seed(0)
    method = _method(case).double().train()
    method.check_devices(2, BATCH)
    batches = method.batches
    assert batches is not None
    source = Source(data_of(case), BATCH, 1, rank, ranks())
    loss_of: Callable[[Any], Any] = method.loss
    if ranks() > 1:
        parallel = data_parallel if "batch norm" not in case.broken else _without_synchronised_norms
        loss_of = parallel(method, 0)
    optimizer = torch.optim.SGD([weight for weight in method.parameters() if weight.requires_grad], 0.1, 0.9)
    found: Learned = {}
    for step in range(STEPS):
        torch.manual_seed(step + 100 * rank)
        batch = _double(batches.draw(source, step))
        with mock.patch.object(Tensor, "float", Tensor.double):  # losses go on in float32 otherwise
            loss = loss_of(batch)
        scalars = loss if isinstance(loss, dict) else {"loss": loss}
        optimizer.zero_grad()
        scalars["loss"].backward()
        with mock.patch.object(Tensor, "float", Tensor.double):
            now = {name: value.detach().clone() for name, value in scalars.items()}
            found |= {f"{step} {name}": value for name, value in mean_of_ranks(now).items()}
        found |= {
            f"{step} slope of {name}": weight.grad.clone()
            for name, weight in method.named_parameters()
            if weight.grad is not None
        }
        optimizer.step()
        method.after_step(step, STEPS)
    return {name: value.detach().clone() for name, value in (found | method.state_dict()).items()}


def data() -> Data:
    """12 classes of 8 noisy pictures each, 3 x 16 x 16."""
    generator = torch.Generator().manual_seed(3)
    patterns = torch.randint(0, 200, (12, 1, 3, 16, 16), generator=generator)
    images = (patterns + torch.randint(0, 56, (12, 8, 3, 16, 16), generator=generator)).flatten(0, 1).to(torch.uint8)
    train = Split(images, torch.arange(12).repeat_interleave(8), tuple("abcdefghijkl"))
    return image_data({"train": train}, Augmentation(flip=0.5, crop=(0.5, 1.0), jitter=0.4))


def texts() -> Data:
    """12 classes of 8 noisy sentences each, of 3 to 9 tokens: the longest of a part need not be that of the batch."""
    generator = torch.Generator().manual_seed(3)
    words = torch.randint(2, 40, (12, 1, 9), generator=generator).expand(-1, 8, -1).flatten(0, 1)
    other = torch.randint(2, 40, words.shape, generator=generator)
    tokens = torch.where(torch.rand(words.shape, generator=generator) < 0.3, other, words)
    lengths = torch.randint(3, 10, (96, 1), generator=generator)
    number = torch.arange(96)
    columns = {
        "pair": torch.where(number % 3 == 0, number + 1, -1),
        "negative": torch.where(number % 6 == 0, number + 2, -1),
    }
    labels = torch.arange(12).repeat_interleave(8)
    train = Split(tokens.masked_fill(torch.arange(9) >= lengths, 0), labels, tuple("abcdefghijkl"), columns)
    return Data.of({"train": train}, Text(pad=0), torch.device("cpu"))


def data_of(case: Case) -> Data:
    return texts() if case.texts else data()


WORDS: dict[str, Any] = {"width": 8, "vocabulary": 40, "dropout": 0.0}
VIT: dict[str, Any] = {"model": "test_vit", "patch_size": 4}


def _method(case: Case) -> Method:
    known, own = registry(), data_of(case)
    name, small = ("words", WORDS) if case.texts else ("timm", VIT) if case.patches else ("conv4", {"width": 4})
    spec, backbone = known.get("method", case.method), known.get("backbone", name)
    network = backbone.load()(backbone.config(**small), own.modality.shape)
    return cast(Method, spec.load()(network, spec.config(**case.options), own))


def _double(batch: Any) -> Any:
    if isinstance(batch, Tensor):
        return batch.double() if batch.is_floating_point() else batch
    return type(batch)(*map(_double, batch))


def _without_synchronised_norms(method: nn.Module, step: int) -> Callable[[Any], Any]:
    with mock.patch("harness.learning.ddp.synchronise_norms"):
        return data_parallel(cast(Method, method), step)


@contextmanager
def _without(what: str) -> Iterator[None]:
    own = lambda tensor, dim=0: tensor  # noqa: E731, ARG005 (in the place of `gather`)
    patches = {
        "gradients stay on their rank": mock.patch.object(
            _Gather, "backward", staticmethod(lambda _, *slopes: slopes[rank()])
        ),
        "negatives of the own rank only": mock.patch("harness_simclr.method.gather", own),
        "all of one rank before the other's": mock.patch(
            "harness_text.simcse.gather",
            lambda part, dim=0: gather(part.flatten(0, 1)).unflatten(0, (len(part), -1)) if dim else gather(part),
        ),
        "prototypes of the own rank only": mock.patch("harness_pseudotasks.protoclr.gather", own),
        "each rank shuffles for itself": mock.patch("harness_moco.method.same_on_all", own),
        "correlations of the own rank only": mock.patch("harness_joint.parts.gather", own),
        "codes of the own rank only": mock.patch.multiple(
            "harness_joint.swav", gather=own, own_part=lambda codes: codes
        ),
        "the centre of the own rank only": mock.patch("harness_joint.dino.gather", own),
        "each rank masks for itself": mock.patch("harness_timm.mae.same_on_all", own),
        "directions of the own rank": mock.patch("harness_joint.lejepa.same_on_all", own),
    }
    if what not in patches:
        yield
        return
    with patches[what]:
        yield


def both(task: Mapping[str, Any], _ready: Callable[[], None]) -> None:
    """In a process that `harness.testing.forking` has forked. It is rank 0; rank 1 is a process that it forks."""
    folder = Path(task["folder"])
    other = os.fork()
    if not other:
        run_and_exit(partial(_learn, folder, 1))
    _learn(folder, 0)
    _, status = os.waitpid(other, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def _learn(folder: Path, number: int) -> None:
    """As one of two ranks; what it learns goes to FOLDER/NUMBER.pt."""
    torch.set_num_threads(1)
    join(folder, number, 2, torch.device("cpu"))
    torch.save({case.name: learned(case, number) for case in [*CASES, *BROKEN]}, folder / f"{number}.pt")
