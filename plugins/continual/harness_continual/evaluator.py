"""Continual learning: a stream of tasks, learned in one pass on frozen features."""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from harness import (
    Data,
    Evaluator,
    Method,
    Metric,
    Online,
    RunningMeans,
    Series,
    Trained,
    UsageError,
    require_episodes,
)
from harness_continual import ContinualConfig, measures
from harness_continual.slda import SLDA
from harness_continual.softmax import Joint, Replay, Softmax
from harness_continual.streams import Streams, after_each_task, at_the_end, shortened, streams

CHOOSING = 3  # streams of the validation classes, at most, that choose a learning rate
WITH_RATE = ("softmax", "replay", "joint")


Maker = Callable[[int, float | Tensor], Online]  # of the number of labels and a learning rate, or that of each stream


class Chosen(NamedTuple):
    """A learning rate, and what the record says of it."""

    rate: float
    at_the_edge: bool

    def details(self) -> dict[str, str | float | bool]:
        edge = {"learning_rate_at_the_edge_of_its_grid": True} if self.at_the_edge else {}
        return {"learning_rate": self.rate, **edge}


# by the features of the tested split and the options: the evaluators of a cell share a ceiling, and the features
CEILINGS: MutableMapping[Tensor, dict[ContinualConfig, tuple[Tensor, Chosen]]] = WeakTensorKeyDictionary()


class Continual(Evaluator):
    """Accuracies over the tasks of a stream. The unit is an order: one stream of random classes."""

    config: ContinualConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        config = self.config
        require_episodes(data.split(config.split), config.split, config.classes, config.shots, config.test)
        if len(config.learning_rates) > 1:  # of joint, if of nothing else
            self._check_validation(data)

    def _check_validation(self, data: Data) -> None:
        config = self.config
        named = f"continual chooses learning rates on the split '{config.validation}'"
        if config.validation not in data.splits:
            raise UsageError(
                f"{named}, but the data set has {', '.join(data.splits)}: name one in its option 'validation', or give "
                "one learning rate."
            )
        split = data.split(config.validation)
        require_episodes(split, config.validation, 2 * config.task_classes, config.shots, config.test)
        if set(split.classes) & set(data.split(config.split).classes):
            raise UsageError(
                f"{named}, which has classes of the tested split '{config.split}': give its option 'validation' a "
                "split of other classes, or give one learning rate."
            )

    @torch.no_grad()
    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        given = self.drawn(trained, self.config.split, self.config)
        ceiling, joint = self.joint(trained, given)
        if self.config.learner == "joint":
            return {"accuracy": self.metric(ceiling, joint)}
        chosen = self.chosen(trained, self.config.learner) if self.config.learner in WITH_RATE else None
        make = self.maker(trained.method, self.config.learner)
        accuracies = after_each_task(make(self.config.ways, chosen.rate if chosen else 0.0), given)
        final = measures.final(accuracies)
        metrics = {
            "accuracy": self.metric(final, chosen),
            "incremental": replace(
                self.metric(measures.incremental(accuracies), chosen), series=self.series(measures.seen(accuracies))
            ),
            "forgetting": self.metric(measures.forgetting(accuracies), chosen, higher_is_better=False),
            "backward transfer": self.metric(measures.backward(accuracies), chosen),
            "order cost": self.metric(ceiling - final, joint, higher_is_better=False),
        }
        if self.config.scenario == "domain":
            metrics["forward transfer"] = self.metric(measures.forward(accuracies, 1 / self.config.ways), chosen)
        return metrics

    def evaluate_share(self, trained: Trained, share: float) -> dict[str, Metric]:
        """Fewer orders of the same classes and samples."""
        orders = math.ceil(share * self.config.orders)
        return type(self)(replace(self.config, orders=orders)).evaluate(trained)

    def drawn(self, trained: Trained, split: str, config: ContinualConfig) -> Streams:
        return streams(trained.features(split), trained.data.split(split), config)

    def joint(self, trained: Trained, given: Streams) -> tuple[Tensor, Chosen]:
        """Final accuracies (E,) where all samples are learned at once."""
        ceilings = CEILINGS.setdefault(trained.features(self.config.split), {})
        options = replace(self.config, learner="joint", memory=1, replayed=1)  # what it does not depend on
        if options not in ceilings:
            chosen = self.chosen(trained, "joint")
            learner = self.maker(trained.method, "joint")(self.config.ways, chosen.rate)
            ceilings[options] = at_the_end(learner, given).mean(1), chosen
        return ceilings[options]

    def chosen(self, trained: Trained, learner: str) -> Chosen:
        """The learning rate with the best final accuracy on streams of the validation classes."""
        rates = sorted(self.config.learning_rates)
        if len(rates) == 1:
            return Chosen(rates[0], at_the_edge=False)
        name = self.config.validation
        config = shortened(self.config, trained.data.split(name), CHOOSING)
        given = self.drawn(trained, name, config)
        each = torch.tensor(rates).repeat_interleave(config.orders)
        make = self.maker(trained.method, learner)
        accuracies = at_the_end(make(config.ways, each), given.repeated(len(rates)))
        best = int(accuracies.unflatten(0, (len(rates), -1)).mean((1, 2)).argmax())
        return Chosen(rates[best], at_the_edge=best in (0, len(rates) - 1))

    def maker(self, method: Method, learner: str) -> Maker:
        config = self.config
        makers: dict[str, Maker] = {
            "ncm": lambda ways, _: RunningMeans(ways),
            "slda": lambda ways, _: SLDA(ways),
            "softmax": lambda ways, rate: Softmax(ways, rate, config.seed),
            "replay": lambda ways, rate: Replay(ways, rate, config.seed, config.memory, config.replayed),
            "joint": lambda ways, rate: Joint(ways, rate, config.seed),
            "own": lambda ways, _: method.online(ways),
        }
        return makers[learner]

    def metric(self, units: Tensor, chosen: Chosen | None, *, higher_is_better: bool = True) -> Metric:
        return Metric.mean(
            units,
            "order",
            higher_is_better=higher_is_better,
            protocol="" if self.config.scenario == "class" else f"{self.config.scenario}-incremental",
            details=chosen.details() if chosen else {},
            shown="percent",
        )

    def series(self, seen: Tensor) -> Series:
        """The accuracy on what was seen, (E, T), along the stream."""
        every = np.arange(1, self.config.tasks + 1, dtype=np.float32)
        if self.config.scenario == "domain":
            return Series("tasks seen", every, seen.cpu().numpy())
        return Series("classes seen", every * self.config.task_classes, seen.cpu().numpy())
