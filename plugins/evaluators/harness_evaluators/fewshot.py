"""Few-shot classification: episodes of unseen classes, learned by the method's own `adapt` or by SimpleShot."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import (
    ByClass,
    Classifier,
    Data,
    EpisodeBatch,
    EpisodeIndices,
    Evaluator,
    Method,
    Metric,
    Split,
    Trained,
    UsageWarning,
    class_means,
    draw_episodes,
    gather_episodes,
    require_episodes,
)
from harness_evaluators import EpisodesConfig, FewShotConfig

NOVEL, TEST = "novel", "test"
FEW = 2  # times as many classes as ways, or more, should take part
DRAWN = 100  # episodes drawn at a time; another number would be other episodes
LEAST = 200  # episodes before one looks at the interval; with fewer it is too often too narrow
FURTHER = 1.1  # times as many episodes until one looks again
IN_MEMORY = {"features": DRAWN, "inputs": 4}  # episodes adapted at a time


class EpisodesEvaluator(Evaluator):
    """Mean accuracy over seeded episodes, each learned from its support set alone. A subclass says how: `learned`.

    With `precision`, in percentage points, there are as many episodes as the interval needs: they are the first ones of
    all. (`within` is the column of categories.)
    """

    config: EpisodesConfig

    def adapts_on(self, method: Method) -> str:  # noqa: ARG002 (for subclasses)
        """What an episode is learned from, "features" or "inputs"."""
        return "features"

    def learned(self, method: Method, batch: EpisodeBatch) -> Classifier:
        """What the support sets teach."""
        raise NotImplementedError(f"{type(self).__name__} learns nothing of an episode")

    def protocol(self, method: Method) -> str:  # noqa: ARG002 (for subclasses)
        return "inductive"

    def features(self, trained: Trained, split: str) -> Tensor:
        """Those that episodes of a split are learned from, (N, D)."""
        return trained.features(split)

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (for subclasses)
        config = self.config
        name = self.split_of(data)
        split = data.split(name)
        require_episodes(split, name, config.ways, config.shots, config.queries, config.within)
        for group, classes in self.groups(split).items():
            taking = self.classes_taking_part(classes)
            if taking < FEW * config.ways:
                where = f"{config.within} '{group}' of the split" if group else "split"
                warnings.warn(
                    f"{config.ways}-way episodes are drawn from {taking} of the {len(classes)} classes of the {where} "
                    f"'{name}': all episodes have nearly the same classes.",
                    UsageWarning,
                    stacklevel=2,
                )

    def split_of(self, data: Data) -> str:
        """The name of the split that episodes are drawn from."""
        return self.config.split or (NOVEL if NOVEL in data.splits else TEST)

    def groups(self, split: Split) -> Mapping[str, ByClass]:
        """The classes that an episode is drawn from: by category, or all as one group without a name."""
        return {"": split.by_class} if self.config.within is None else split.groups(self.config.within)

    def classes_taking_part(self, classes: Sequence[Tensor]) -> int:
        """Those with enough samples for an episode; the others are never drawn."""
        need = self.config.shots + self.config.queries
        return sum(len(members) >= need for members in classes)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        name, within = self.split_of(trained.data), self.config.within
        groups = self.groups(trained.data.split(name))
        accuracies, stops = self.enough({group: self.accuracies(trained, name, group) for group in groups})
        protocol = self.protocol(trained.method)
        number = f"each with {self.config.episodes} episodes"
        if self.config.precision is not None:
            protocol += f", until ±{self.config.precision:g} points"
            number = "each with as many episodes"
        found = {group: self.metric(units, name, groups[group], protocol) for group, units in accuracies.items()}
        if within is not None:
            mean = torch.stack(list(accuracies.values())).mean(0)  # a unit is an episode of each category
            every = [members for classes in groups.values() for members in classes]
            protocol += f", the mean of {len(groups)} {within}s, {number}"
            found = {f"mean over {within}s": self.metric(mean, name, every, protocol), **found}
        return {group or "accuracy": replace(metric, stops=stops) for group, metric in found.items()}

    def enough(self, runs: Mapping[str, Iterator[Tensor]]) -> tuple[dict[str, Tensor], tuple[int, ...]]:
        """The accuracies of as many episodes of each group as the options ask for, and with `precision` the numbers at
        which there could have been enough.

        One looks at these numbers of episodes alone, so how many are adapted at a time has no part in it. The groups
        have as many as their mean needs.
        """
        precision, found = self.config.precision, {group: torch.empty(0) for group in runs}
        stops = checkpoints(self.config.episodes) if precision else (self.config.episodes,)
        for stop in stops:
            for group, run in runs.items():
                parts = [found[group]]
                while sum(map(len, parts)) < stop:
                    parts.append(next(run).cpu())
                found[group] = torch.cat(parts)
            half_width = Metric.mean(torch.stack(list(found.values())).mean(0), "episode").half_width
            if precision and 100 * half_width <= precision:
                break
        return found, stops[: stops.index(stop) + 1] if precision else ()

    def metric(self, units: Tensor, split: str, classes: Sequence[Tensor], protocol: str) -> Metric:
        """The mean accuracy of episodes (episodes,) of some classes."""
        taking = self.classes_taking_part(classes)
        if taking < len(classes):
            protocol += f", {taking} of {len(classes)} classes"
        details = {"split": split} if self.config.split is None else {}
        return Metric.mean(units, "episode", protocol=protocol, details=details, shown="percent")

    @torch.no_grad()
    def accuracies(self, trained: Trained, name: str, group: str) -> Iterator[Tensor]:
        """Of each episode of a group of classes of the split `name`, in their order, some at a time."""
        method = trained.method.eval()
        split = trained.data.split(name)
        features = self.features(trained, name) if self.adapts_on(method) == "features" else None
        for drawn in self.episodes(split, IN_MEMORY[self.adapts_on(method)], group):
            batch = _inputs(trained.data, split, features, drawn)
            logits = self.learned(method, batch)(batch.query)
            if not logits.isfinite().all():
                raise FloatingPointError("the logits of an episode are not finite")  # argmax would score them as chance
            hits = logits.argmax(-1) == batch.query_labels
            yield hits.float().mean(-1)

    def evaluate_share(self, trained: Trained, share: float) -> dict[str, Metric]:
        """Fewer episodes of the same samples: the mean is that of all, but for chance."""
        episodes = math.ceil(share * self.config.episodes)
        return type(self)(replace(self.config, episodes=episodes)).evaluate(trained)

    def episodes(self, split: Split, size: int = DRAWN, group: str = "") -> Iterator[EpisodeIndices]:
        """The episodes of a group of classes, up to `size` at a time: a function of its classes and this evaluator's
        options alone, so that a category's episodes are those of a data set that it is on its own."""
        classes = self.groups(split)[group]
        config, generator = self.config, torch.Generator().manual_seed(self.config.seed)
        for start in range(0, config.episodes, DRAWN):
            number = min(DRAWN, config.episodes - start)
            drawn = draw_episodes(classes, config.ways, config.shots, config.queries, number, generator)
            yield from map(EpisodeIndices._make, zip(*(part.split(size) for part in drawn), strict=True))


class FewShot(EpisodesEvaluator):
    """Episodes that are learned by the method's own `adapt`, or by SimpleShot (Wang et al. 2019, arXiv:1911.04623): the
    nearest mean of a class, of features that section 3 of the paper changes."""

    config: FewShotConfig

    def check(self, method: Method, data: Data) -> None:
        super().check(method, data)
        if not self.config.simpleshot:
            method.check_ways(self.config.ways)

    def adapts_on(self, method: Method) -> str:
        return "features" if self.config.simpleshot else method.adapts_on

    def learned(self, method: Method, batch: EpisodeBatch) -> Classifier:
        if not self.config.simpleshot:
            return method.adapt(batch.support, batch.support_labels, self.config.ways)
        means = class_means(batch.support, batch.support_labels, self.config.ways)
        exact = "donot_use_mm_for_euclid_dist"  # the quicker way loses far-off features to cancellation
        return lambda query: -torch.cdist(query, means, compute_mode=exact)

    def protocol(self, method: Method) -> str:
        if self.config.simpleshot:
            return f"inductive, SimpleShot {self.config.simpleshot.upper()}"
        return "transductive BN" if method.transductive else "inductive"

    def features(self, trained: Trained, split: str) -> Tensor:
        features, kind = trained.features(split), self.config.simpleshot
        if kind == "cl2n":
            features = features - trained.features("train").mean(0)
        return F.normalize(features, dim=1) if kind in ("l2n", "cl2n") else features


def checkpoints(most: int) -> tuple[int, ...]:
    """The numbers of episodes at which one looks whether there are enough: multiples of those that are drawn together,
    and the most."""
    found, number = [], LEAST
    while number < most:
        found.append(number)
        number = DRAWN * math.ceil(number * FURTHER / DRAWN)
    return *found, most


def _inputs(data: Data, split: Split, features: Tensor | None, drawn: EpisodeIndices) -> EpisodeBatch:
    """What `adapt` sees: cached features, if it takes them, or inputs."""
    if features is None:
        return gather_episodes(data, split.samples, drawn)
    support, support_labels, query, query_labels = (part.to(features.device) for part in drawn)
    return EpisodeBatch(features[support], support_labels, features[query], query_labels)
