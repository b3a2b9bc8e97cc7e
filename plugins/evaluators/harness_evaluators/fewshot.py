"""Few-shot classification: episodes of unseen classes, learned by the method's own `adapt`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace

import torch

from harness import (
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
    draw_episodes,
    gather_episodes,
    require_episodes,
)
from harness_evaluators import FewShotConfig

NOVEL, TEST = "novel", "test"
FEW = 2  # times as many classes as ways, or more, should take part
DRAWN = 100  # episodes drawn at a time; another number would be other episodes
IN_MEMORY = {"features": DRAWN, "inputs": 4}  # episodes adapted at a time


class FewShot(Evaluator):
    """Mean accuracy over seeded episodes, each learned from its support set alone."""

    config: FewShotConfig

    def adapts_on(self, method: Method) -> str:
        """What an episode is learned from, "features" or "inputs"."""
        return method.adapts_on

    def learned(self, method: Method, batch: EpisodeBatch) -> Classifier:
        """What the support sets teach."""
        return method.adapt(batch.support, batch.support_labels, self.config.ways)

    def protocol(self, method: Method) -> str:
        return "transductive BN" if method.transductive else "inductive"

    def check(self, method: Method, data: Data) -> None:
        config = self.config
        name = self.split_of(data)
        split = data.split(name)
        require_episodes(split, name, config.ways, config.shots, config.queries)
        method.check_ways(config.ways)
        taking = self.classes_taking_part(split)
        if taking < FEW * config.ways:
            warnings.warn(
                f"{config.ways}-way episodes are drawn from {taking} of the {len(split.classes)} classes of the split "
                f"'{name}': all episodes have nearly the same classes.",
                UsageWarning,
                stacklevel=2,
            )

    def split_of(self, data: Data) -> str:
        """The name of the split that episodes are drawn from."""
        return self.config.split or (NOVEL if NOVEL in data.splits else TEST)

    def classes_taking_part(self, split: Split) -> int:
        """Those with enough samples for an episode; the others are never drawn."""
        need = self.config.shots + self.config.queries
        return sum(len(members) >= need for members in split.by_class)

    @torch.no_grad()
    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        method = trained.method.eval()
        accuracies = []
        size = IN_MEMORY[self.adapts_on(method)]
        name = self.split_of(trained.data)
        split = trained.data.split(name)
        for drawn in self.episodes(split, size):
            batch = self._inputs(trained, name, drawn)
            logits = self.learned(method, batch)(batch.query)
            if not logits.isfinite().all():
                raise FloatingPointError("the logits of an episode are not finite")  # argmax would score them as chance
            hits = logits.argmax(-1) == batch.query_labels
            accuracies.append(hits.float().mean(-1))
        taking = self.classes_taking_part(split)
        protocol = self.protocol(method)
        if taking < len(split.classes):
            protocol += f", {taking} of {len(split.classes)} classes"
        details = {"split": name} if self.config.split is None else {}
        every = torch.cat(accuracies)
        return {"accuracy": Metric.mean(every, "episode", protocol=protocol, details=details, shown="percent")}

    def evaluate_share(self, trained: Trained, share: float) -> dict[str, Metric]:
        """Fewer episodes of the same samples: the mean is that of all, but for chance."""
        episodes = math.ceil(share * self.config.episodes)
        return type(self)(replace(self.config, episodes=episodes)).evaluate(trained)

    def episodes(self, split: Split, size: int = DRAWN) -> Iterator[EpisodeIndices]:
        """The episodes, up to `size` at a time: a function of the split and this evaluator's options alone."""
        config, generator = self.config, torch.Generator().manual_seed(self.config.seed)
        for start in range(0, config.episodes, DRAWN):
            number = min(DRAWN, config.episodes - start)
            drawn = draw_episodes(split.by_class, config.ways, config.shots, config.queries, number, generator)
            yield from map(EpisodeIndices._make, zip(*(part.split(size) for part in drawn), strict=True))

    def _inputs(self, trained: Trained, split: str, drawn: EpisodeIndices) -> EpisodeBatch:
        """What `adapt` sees: cached features, or inputs."""
        if self.adapts_on(trained.method) == "inputs":
            return gather_episodes(trained.data, trained.data.split(split).samples, drawn)
        features = trained.features(split)
        support, support_labels, query, query_labels = (part.to(features.device) for part in drawn)
        return EpisodeBatch(features[support], support_labels, features[query], query_labels)
