"""Few-shot episodes are indices: seeded, vectorised, support and query disjoint by construction, queries shuffled."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.data.splits import ByClass, Split


class EpisodeIndices(NamedTuple):
    """E episodes: `support` int64 (E, ways * shots) sample indices, class by class; `support_labels` likewise in
    0 .. ways - 1; `query` and `query_labels` int64 (E, ways * queries), in an order of each episode's own, so that no
    place among the queries tells a class."""

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor

    @property
    def samples(self) -> Tensor:
        """Support, then query: (E, ways * (shots + queries))."""
        return torch.cat([self.support, self.query], 1)

    def of_classes(self, own: slice) -> EpisodeIndices:
        """The same episodes with the samples of some classes alone, in the same order."""
        known, asked = (
            (labels >= own.start) & (labels < own.stop) for labels in (self.support_labels, self.query_labels)
        )
        parts = zip(self, (known, known, asked, asked), strict=True)
        return EpisodeIndices(*(part[kept].unflatten(0, (len(part), -1)) for part, kept in parts))  # as many of each


def draw_episodes(
    by_class: ByClass, ways: int, shots: int, queries: int, episodes: int, generator: torch.Generator
) -> EpisodeIndices:
    """Draw `ways` classes and, of each, `shots` + `queries` different samples, uniformly, for each episode.

    `by_class`: sample indices of each class, on the CPU; classes with too few samples are never drawn. Further episodes
    of the same generator do not depend on `queries` being shuffled: only the draws of classes and samples move it on.
    """
    need = shots + queries
    padded, sizes = by_class.table(need)
    classes = _some_of_each_row(torch.rand(episodes, len(padded), generator=generator), ways)
    keys = torch.rand(episodes, ways, padded.shape[1], generator=generator)
    keys = keys.masked_fill(torch.arange(padded.shape[1]) >= sizes[classes][..., None], 2.0)  # never a padded place
    picks = padded[classes].gather(2, _some_of_each_row(keys, need))
    labels = torch.arange(ways).repeat_interleave
    order = torch.rand(episodes, ways * queries, generator=_derived(generator)).argsort(1)
    return EpisodeIndices(
        picks[:, :, :shots].flatten(1),
        labels(shots).expand(episodes, -1),
        picks[:, :, shots:].flatten(1).gather(1, order),
        labels(queries)[order],
    )


def require_episodes(split: Split, name: str, ways: int, shots: int, queries: int) -> None:
    """Raises UsageError if the split cannot fill one episode."""
    enough = sum(len(members) >= shots + queries for members in split.by_class)
    if enough < ways:
        raise UsageError(
            f"{ways}-way {shots}-shot episodes with {queries} queries need {ways} classes of at least "
            f"{shots + queries} samples; the split '{name}' has {enough} such classes of {len(split.classes)}."
        )


def _some_of_each_row(keys: Tensor, number: int) -> Tensor:
    """The places of the `number` smallest random keys of each row: a uniform draw without replacement."""
    return keys.topk(number, dim=-1, largest=False, sorted=True).indices


def _derived(generator: torch.Generator) -> torch.Generator:
    """Another generator, seeded by the state of this one, which it leaves as it is."""
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    seed = torch.randint(2**62, (), generator=copy)  # not the copy itself: the next episodes' numbers are the same
    return copy.manual_seed(int(seed))
