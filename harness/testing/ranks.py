"""Compares what a method learns from a batch on two devices with one device, in two processes on a CPU.

`second` runs in the second of the two.
"""

from __future__ import annotations

import importlib
import signal
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from harness.base.errors import UsageError
from harness.learning.collectives import mean_of_ranks, ranks
from harness.learning.components import Method
from harness.learning.data.batches import Source
from harness.learning.ddp import data_parallel
from harness.learning.seeding import seed_all
from harness.plugins.manager import Origin
from harness.plugins.options import as_plain, parse
from harness.plugins.registry import Kind, Spec
from harness.running.ranks import NOTICE_SECONDS, join, leave
from harness.suite.cell import Component
from harness.testing.forking import ENDED, READY, Server, server
from harness.testing.report import Fault
from harness.testing.subjects import BATCH, MethodSubject

RANKS = 2
PATIENCE = timedelta(minutes=5)  # of one that waits for the other in a collective, on a busy machine as well
TOLERANCE = 1e-3  # of a tensor's greatest number: sums in another order, in float32
SMALL = 1e-2  # of the greatest gradient: rounding decides what is smaller, such as the bias before a batch norm
SAID = "error.txt"  # the second process's, in the folder where the two meet
ADVICE = (
    "compare with what `harness.gather` gives, draw what must not differ with `same_on_all`, use every trained weight, "
    "or leave `distributed` False"
)

RUN = "let a step run in each of several processes, or leave `distributed` False"


def two_devices_learn_what_one_does(subject: MethodSubject) -> None:
    """If `distributed`: loss, gradients and buffers of two processes are those of one that has the whole batch."""
    method = subject.build()
    if not method.distributed or method.batches is None:
        return
    try:
        method.check_devices(RANKS, BATCH)
        method.batches.check(Source(subject.data, BATCH, 0, 0, RANKS))
    except UsageError:  # not with these options
        return
    one, two = learned(subject), by_two(subject)
    if one.keys() != two.keys():
        only = min(one.keys() ^ two.keys())
        raise Fault(f"with two devices or with one, there is no {only}", ADVICE)
    largest = max(float(value.abs().max()) for name, value in one.items() if name.startswith("gradient"))
    apart = {name: difference(value, two[name], largest) for name, value in one.items()}
    if worst := [name for name, found in apart.items() if found > TOLERANCE]:
        more = f", and so do {len(worst) - 1} more" if len(worst) > 1 else ""
        raise Fault(f"with two devices, the {worst[0]} differs by {apart[worst[0]]:.1%}{more}", ADVICE)


def difference(one: Tensor, other: Tensor, largest: float) -> float:
    """In parts of the greatest number; numbers that are nothing beside the `largest` gradient count as such."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.double(), other.double()
    size = max(float(one.abs().max()), SMALL * largest) if one.numel() else 1.0
    return float((one - other).abs().max()) / size if one.numel() and size else 0.0


def learned(subject: MethodSubject, rank: int = 0) -> Mapping[str, Tensor]:
    """Loss, gradients and, after the step, buffers: of one process, or of one of the ranks that there are."""
    method = subject.build().train()
    for module in method.modules():
        if isinstance(module, _DropoutNd):  # what it drops is drawn for each device anew
            module.eval()
    batches = method.batches
    assert batches is not None
    batch = batches.draw(Source(subject.data, BATCH, 0, rank, ranks()), 0)
    loss_of: Callable[[Any], Any] = method.loss
    with warnings.catch_warnings():
        if ranks() > 1:
            loss_of = data_parallel(method, 0)
        seed_all(rank)
        loss = loss_of(batch)
    scalars = loss if isinstance(loss, dict) else {"loss": loss}
    scalars["loss"].backward()
    method.after_step(0, 10)
    found = {f"scalar {name}": value for name, value in mean_of_ranks(scalars).items()}
    for name, weight in method.named_parameters():
        if weight.grad is not None:
            found[f"gradient of {name}"] = weight.grad
    found |= {f"buffer {name}": buffer for name, buffer in method.named_buffers()}
    return {name: value.detach().clone() for name, value in found.items()}


def by_two(subject: MethodSubject) -> Mapping[str, Tensor]:
    """What `learned` finds in this process while another has the second half. Raises Fault if either cannot."""
    with tempfile.TemporaryDirectory(prefix="harness-ranks-") as folder:
        other = server()
        try:
            return _beside(other, subject, Path(folder))
        except (RuntimeError, OSError, EOFError) as error:
            words = _words(other, Path(folder), error)[:200]
            other.end()
            raise Fault(f"two devices together: {words}", RUN) from error
        finally:
            if dist.is_initialized():
                leave()


def _words(other: Server, folder: Path, error: Exception) -> str:
    """What came first: the second process's own error, its end by a signal, or the `error` that this process met."""
    with suppress(FileNotFoundError):  # it is written before this process can notice
        return (folder / SAID).read_text(encoding="utf-8")
    with suppress(OSError, EOFError):
        while (report := other.report(NOTICE_SECONDS))[0] != ENDED:
            pass
        if report[1] < 0:
            return f"the second process was ended by {signal.Signals(-report[1]).name}"
    return f"{type(error).__name__}: {error}"


def _beside(other: Server, subject: MethodSubject, folder: Path) -> Mapping[str, Tensor]:
    parts = {"method": subject.component, "backbone": subject.backbone, "dataset": subject.dataset}
    given = {kind: described(each) for kind, each in parts.items() if each}
    told = {"parts": given, "threads": torch.get_num_threads(), "folder": str(folder)}
    modules = (each.spec.target.partition(":")[0] for each in parts.values() if each)
    other.start(f"{__name__}:{second.__name__}", told, modules)
    if other.report(PATIENCE.total_seconds())[0] != READY:
        raise RuntimeError("the second process did not begin")
    join(folder, 0, RANKS, torch.device("cpu"), PATIENCE)
    found = learned(subject)
    _, code = other.report(PATIENCE.total_seconds())
    if code:
        raise RuntimeError(f"the second process ended with {code}")
    return found


def described(component: Component) -> dict[str, Any]:
    """As JSON; the other process need not have the plugin registered."""
    config = type(component.config)
    place = f"{config.__module__}:{config.__qualname__}"
    spec = component.spec
    options = as_plain(component.config)
    return {"target": spec.target, "modality": spec.modality, "config": place, "options": options}


def component(kind: Kind, told: Mapping[str, Any]) -> Component:
    """What was `described`."""
    module, _, name = told["config"].partition(":")
    config: type = getattr(importlib.import_module(module), name)
    origin = Origin("testing", "rep-harness", "")
    spec = Spec(kind, told["target"], told["target"], config, origin, modality=told["modality"])
    return Component(spec, parse(config, told["options"], str), spec.name)


def second(told: Mapping[str, Any], ready: Callable[[], None]) -> None:
    """In the second process: what it finds is the same as the first does, and nobody asks for it."""
    try:
        torch.set_num_threads(told["threads"])
        parts = told["parts"]
        dataset = component("dataset", parts["dataset"]) if "dataset" in parts else None
        method, backbone = component("method", parts["method"]), component("backbone", parts["backbone"])
        subject = MethodSubject(method, dataset, backbone)
        assert isinstance(subject.build(), Method)
        ready()
        join(Path(told["folder"]), 1, RANKS, torch.device("cpu"), PATIENCE)
        learned(subject, 1)
        leave()
    except Exception as error:
        Path(told["folder"], SAID).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        raise
