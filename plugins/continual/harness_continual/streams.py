"""Streams of tasks, and the accuracy on each task after each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness import EpisodeIndices, Online, Split, draw_episodes
from harness_continual import ContinualConfig


@dataclass(frozen=True)
class Streams:
    """E streams of T tasks, with their test samples.

    Attributes:
        features: Samples in the order of their arrival (E, S, D), S / T of each task.
        labels: Their labels, int64 (E, S).
        query: Test samples of all tasks (E, Q, D).
        query_labels: Their labels, int64 (E, Q).
        query_tasks: Their tasks, int64 (E, Q) in 0 .. T - 1.
        config: What the streams are.
    """

    features: Tensor
    labels: Tensor
    query: Tensor
    query_labels: Tensor
    query_tasks: Tensor
    config: ContinualConfig

    def repeated(self, times: int) -> Streams:
        """All streams, `times` times."""

        def again(part: Tensor) -> Tensor:
            return part.repeat(times, *[1] * (part.ndim - 1))

        samples, queries = (again(self.features), again(self.labels)), (again(self.query), again(self.query_labels))
        return Streams(*samples, *queries, again(self.query_tasks), self.config)


def draw_order(split: Split, config: ContinualConfig) -> EpisodeIndices:
    """Streams as indices: random classes in a random order, the samples of a task shuffled, labels in the order of
    arrival. A function of the split and the options alone."""
    generator = torch.Generator().manual_seed(config.seed)
    drawn = draw_episodes(split.by_class, config.classes, config.shots, config.test, config.orders, generator)
    keys = torch.rand(config.orders, config.tasks, config.task_classes * config.shots, generator=generator)
    within = torch.arange(config.tasks)[:, None] * keys.shape[2] + keys.argsort(2)
    order = within.flatten(1)
    return drawn._replace(support=drawn.support.gather(1, order), support_labels=drawn.support_labels.gather(1, order))


def streams(features: Tensor, split: Split, config: ContinualConfig) -> Streams:
    """Draw streams of a split, whose features are (N, D)."""
    support, labels, query, query_labels = (part.to(features.device) for part in draw_order(split, config))
    tasks = query_labels // config.task_classes
    if config.scenario == "domain":
        labels, query_labels = labels % config.task_classes, query_labels % config.task_classes
    return Streams(features[support], labels, features[query], query_labels, tasks, config)


def shortened(config: ContinualConfig, split: Split, orders: int) -> ContinualConfig:
    """At most `orders` streams, of as many whole tasks as a split has classes for."""
    enough = sum(len(members) >= config.shots + config.test for members in split.by_class)
    classes = min(config.classes, enough - enough % config.task_classes)
    return replace(config, classes=classes, orders=min(orders, config.orders))


def after_each_task(learner: Online, given: Streams) -> Tensor:
    """Accuracy on each task after each: (E, T, T), of which [:, i, j] is that on task j after task i; nan where task j
    has labels that came later."""
    parts = zip(*(part.chunk(given.config.tasks, 1) for part in (given.features, given.labels)), strict=True)
    rows = []
    for task, (features, labels) in enumerate(parts):
        learner.update(features, labels)
        rows.append(by_task(learner, given, task))
    return torch.stack(rows, 1)


def at_the_end(learner: Online, given: Streams) -> Tensor:
    """Accuracy on each task (E, T) after all samples, in one update."""
    learner.update(given.features, given.labels)
    return by_task(learner, given, given.config.tasks - 1)


def by_task(learner: Online, given: Streams, latest: int) -> Tensor:
    """Accuracy on each task (E, T) now; nan where a task has labels that come after task `latest`."""
    config = given.config
    logits = learner.predict(given.query)
    if logits.isnan().any():
        raise FloatingPointError("the logits of a stream's learner are not finite")  # argmax would score them as chance
    places = torch.arange(config.ways, device=logits.device)
    asked = torch.ones_like(logits, dtype=torch.bool)
    if config.scenario == "class":
        asked = (places < (latest + 1) * config.task_classes).expand_as(logits)
    elif config.scenario == "task":
        asked = places // config.task_classes == given.query_tasks[..., None]
    hits = (logits.masked_fill(~asked, -torch.inf).argmax(-1) == given.query_labels).float()
    sums = hits.new_zeros(len(hits), config.tasks).scatter_add_(1, given.query_tasks, hits)
    accuracy = sums / (config.task_classes * config.test)
    if config.scenario != "domain":
        accuracy[:, latest + 1 :] = torch.nan
    return accuracy
