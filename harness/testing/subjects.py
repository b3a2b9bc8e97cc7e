"""Builds, trains and uses a method on the kit's problem, as the harness would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor

from harness.base.checkpoint_interval import Interval
from harness.learning.building import build, load_data, prepared_for
from harness.learning.components import Method
from harness.learning.data.batches import Batches, Source, gather_episodes
from harness.learning.data.episodes import draw_episodes
from harness.learning.data.splits import Data
from harness.learning.data.streaming import at
from harness.learning.seeding import seed_all
from harness.learning.starting import BACKBONE
from harness.learning.training import train
from harness.suite.budget import Budget, merge
from harness.suite.cell import Cell, Component
from harness.suite.optimizer import name_and_options
from harness.testing.declared import component
from harness.testing.problem import gratings, relabelled, scored_elsewhere, small_net, tested_elsewhere

BATCH = 64
EPISODES, SHOTS, QUERIES = 20, 5, 15
START_STEPS = 40  # of a training that another one starts from: it has learned something, and leaves something to learn
NOWHERE, NEVER = Path("no-checkpoint"), Interval()  # of a checkpoint that is never due


@dataclass(frozen=True)
class MethodSubject:
    """A registered method with its options; on the kit's own problem, or on another data set with another backbone;
    from random weights, or from those that another method's training left."""

    component: Component
    dataset: Component | None = None
    backbone: Component = field(default_factory=small_net)
    start: MethodSubject | None = None

    @cached_property
    def data(self) -> Data:
        """As the backbone takes them."""
        if self.dataset is None:
            return gratings()
        data = load_data(self.dataset, torch.device("cpu"))
        network = self.backbone.spec.load()(self.backbone.config, data.modality.shape)
        return prepared_for(network, self.backbone, data)

    @cached_property
    def relabelled(self) -> Data:
        """The same images in the same order, with labels that belong to others of them."""
        return relabelled(self.data)

    @property
    def classified(self) -> bool:
        """Whether there is a labelled test split. Without one, no accuracy can be measured, and `adapt` is not used."""
        return "test" in self.data.splits and self.data.split("test").labelled

    @cached_property
    def tested_elsewhere(self) -> Data:
        """The same `train`; in `test` other images, and of each label another number of them; without a labelled test
        split, the samples of every other split are some of `train`."""
        return tested_elsewhere(self.data) if self.classified else scored_elsewhere(self.data)

    def build(self, seed: int = 0, data: Data | None = None) -> Method:
        dataset = small_net()  # of a cell, only method, backbone and seed have a part in building
        cell = Cell("conformance", self.component, self.backbone, dataset, seed, self.budget(1))
        if self.start is None:
            return build(cell, data or self.data).method
        with TemporaryDirectory() as folder:
            model = Path(folder) / "model.safetensors"
            model.write_bytes(self.start.model)
            return build(cell, data or self.data, model).method

    @cached_property
    def model(self) -> bytes:
        """The file of a model that others start from."""
        trained = self.trained(START_STEPS).backbone.state_dict()
        return save({f"{BACKBONE}{name}": weight.contiguous() for name, weight in trained.items()})

    def budget(self, steps: int) -> Budget:
        """The method's own recipe, over so many steps."""
        own = {"steps": steps, "batch_size": BATCH, "optimizer": self.optimizer.spec.unique}
        return Budget(**merge(self.component.spec.budget, own))

    @cached_property
    def optimizer(self) -> Component:
        """That of its recipe."""
        name, options = name_and_options(self.component.spec.budget.get("optimizer", Budget.optimizer))
        return component("optimizer", name, options)

    def train(self, method: Method, steps: int, losses: list[float] | None = None, rate: float = 1.0) -> None:
        """Train in place by the harness's own loop, as its recipe says, with `rate` times its learning rate; the losses
        go into `losses`."""
        source = Source(self.data, BATCH, 0)

        def log(step: int, steps: int, metrics: Mapping[str, float]) -> None:  # noqa: ARG001 (the interface of logs)
            if losses is not None:
                losses.append(metrics["loss"])

        budget = self.budget(steps)
        budget = replace(budget, lr=rate * budget.lr)
        train(method, source, budget, NOWHERE, log, every=NEVER, optimizer=self.optimizer)

    def trained(self, steps: int, rate: float = 1.0) -> Method:
        """A new one after so many steps; as it starts, if it does not train."""
        method = self.build()
        if method.batches is not None:
            self.train(method, steps, rate=rate)
        return method

    def batch(self, batches: Batches, step: int = 0, data: Data | None = None) -> Any:
        return batches.draw(Source(data or self.data, BATCH, 0), step)

    def inputs(self, number: int = 12) -> Tensor:
        """What a network sees of some samples of the test split, or of the training split if there is no other."""
        split = self.data.splits.get("test", self.data.train)
        return self.data.inputs(at(split.samples, torch.arange(number)))

    def adapts(self, method: Method) -> Tensor | None:
        """The logits of two few-shot episodes; None if there are no classes to tell apart."""
        return adaptation(method, self.data, episodes=2).logits(method) if self.classified else None


def scalar(method: Method, batch: Any, seed: int = 0) -> Tensor:
    """The loss of a batch, with the global generators seeded as the loop does."""
    seed_all(seed)
    loss = method.loss(batch)
    return loss["loss"] if isinstance(loss, dict) else loss


def ways_of(method: Method, data: Data) -> int:
    """As it is trained, if its batches are tasks, or else five, or as many as there are."""
    ways = getattr(method.batches, "ways", None)  # of `Episodes`, and of a method's own kind
    if isinstance(ways, int):
        return ways
    return min(5, len(data.split("test").classes))


class Adaptation(NamedTuple):
    """Few-shot episodes as `adapt` takes them: support (E, S, ...) and query (E, Q, ...), images or features, with
    labels (E, S) and (E, Q), of so many ways."""

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor
    ways: int

    @torch.no_grad()
    def logits(self, method: Method) -> Tensor:
        """(E, Q, ways), by the method's own `adapt`."""
        return method.adapt(self.support, self.support_labels, self.ways)(self.query)


@torch.no_grad()
def adaptation(method: Method, data: Data, episodes: int = EPISODES) -> Adaptation:
    """Episodes of the test split; the same for every method that asks for as many ways."""
    split, ways = data.split("test"), ways_of(method, data)
    generator = torch.Generator().manual_seed(0)
    batch = gather_episodes(
        data, split.samples, draw_episodes(split.by_class, ways, SHOTS, QUERIES, episodes, generator)
    )
    support, query = batch.support, batch.query
    if method.adapts_on == "features":
        support, query = (method.encode(part.flatten(0, 1)).unflatten(0, part.shape[:2]) for part in (support, query))
    return Adaptation(support, batch.support_labels, query, batch.query_labels, ways)


def accuracy(method: Method, data: Data) -> float:
    """The share of queries that are classified rightly."""
    given = adaptation(method.eval(), data)
    return (given.logits(method).argmax(-1) == given.query_labels).float().mean().item()
