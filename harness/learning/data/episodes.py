"""Few-shot episodes as tensors of sample indices.

They are drawn from a seed; support and query sets share no sample, and queries are shuffled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.base.errors import UsageError, nearest
from harness.learning.data.splits import ByClass, Split


class EpisodeIndices(NamedTuple):
    """Sample indices and labels of E few-shot episodes.

    Attributes:
        support: Indices of the support samples, int64 (E, ways * shots), class by class.
        support_labels: Their classes in the episode, int64 (E, ways * shots) in 0 .. ways - 1.
        query: Indices of the query samples, int64 (E, ways * queries). Each episode has a random order, so that the
            position of a query does not tell its class.
        query_labels: Their classes, int64 (E, ways * queries).
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor

    @property
    def samples(self) -> Tensor:
        """Indices of support samples, then query samples: int64 (E, ways * (shots + queries))."""
        return torch.cat([self.support, self.query], 1)

    def of_classes(self, own: slice) -> EpisodeIndices:
        """Keep the samples of some classes of each episode, in the same order.

        Args:
            own: The classes to keep.

        Returns:
            The episodes with these classes alone; labels are not renumbered.
        """
        known, asked = (
            (labels >= own.start) & (labels < own.stop) for labels in (self.support_labels, self.query_labels)
        )
        parts = zip(self, (known, known, asked, asked), strict=True)
        return EpisodeIndices(*(part[kept].unflatten(0, (len(part), -1)) for part, kept in parts))  # as many of each


def draw_episodes(
    by_class: ByClass, ways: int, shots: int, queries: int, episodes: int, generator: torch.Generator
) -> EpisodeIndices:
    """Draw few-shot episodes: for each, `ways` classes and `shots` + `queries` different samples of each, uniformly.

    Only the draws of classes and samples advance the generator, not the shuffling of queries.

    Args:
        by_class: Sample indices of each class, on the CPU (`Split.by_class`). Classes with fewer than `shots` +
            `queries` samples are never drawn.
        ways: Classes of each episode.
        shots: Support samples of each class.
        queries: Query samples of each class.
        episodes: Number of episodes E.
        generator: Source of random numbers, on the CPU.

    Returns:
        Indices and labels of the episodes.
    """
    need = shots + queries
    padded, sizes = by_class.table(need)
    classes = _some_of_each_row(torch.rand(episodes, len(padded), generator=generator), ways)
    keys = torch.rand(episodes, ways, padded.shape[1], generator=generator)
    keys = keys.masked_fill(torch.arange(padded.shape[1]) >= sizes[classes][..., None], 2.0)  # never a padded place
    picks = padded[classes].gather(2, _some_of_each_row(keys, need))
    labels = torch.arange(ways).repeat_interleave
    order = torch.rand(episodes, ways * queries, generator=_derive_generator(generator)).argsort(1)
    return EpisodeIndices(
        picks[:, :, :shots].flatten(1),
        labels(shots).expand(episodes, -1),
        picks[:, :, shots:].flatten(1).gather(1, order),
        labels(queries)[order],
    )


def draw_within(
    groups: Sequence[ByClass], ways: int, shots: int, queries: int, episodes: int, generator: torch.Generator
) -> EpisodeIndices:
    """Draw few-shot episodes whose classes are of one group each, such as a domain. Groups are equally likely.

    Args:
        groups: Sample indices of the classes of each group (`Split.groups`).
        ways: Classes of each episode.
        shots: Support samples of each class.
        queries: Query samples of each class.
        episodes: Number of episodes E.
        generator: Source of random numbers, on the CPU.

    Returns:
        Indices and labels of the episodes.
    """
    if len(groups) == 1:
        return draw_episodes(groups[0], ways, shots, queries, episodes, generator)
    choice = torch.randint(len(groups), (episodes,), generator=generator)
    places, drawn = [], []
    for number in choice.unique().tolist():
        places.append((choice == number).nonzero()[:, 0])
        drawn.append(draw_episodes(groups[number], ways, shots, queries, len(places[-1]), generator))
    order = torch.cat(places).argsort()
    return EpisodeIndices(*(torch.cat(parts)[order] for parts in zip(*drawn, strict=True)))


def groups_of(split: Split, within: str | None, only: str | None = None) -> Mapping[str, ByClass]:
    """Find the groups of classes that an episode is drawn from one of.

    Args:
        split: The split.
        within: Column of categories, such as a domain; None for one group of all classes.
        only: The one category that episodes are drawn from; None for all.

    Returns:
        For each category, by name, the sample indices of its classes.

    Raises:
        UsageError: There is no such column or category.
    """
    if within is None:
        if only is not None:
            raise UsageError(f"'only' is '{only}', but 'within' names no column whose value that is.")
        return {"": split.by_class}
    groups = split.groups(within)
    if only is not None and only not in groups:
        raise UsageError(f"there is no {within} '{only}'.{nearest(only, groups)}")
    return groups if only is None else {only: groups[only]}


def require_episodes(
    split: Split,
    name: str,
    ways: int,
    shots: int,
    queries: int,
    within: str | None = None,
    only: str | None = None,
) -> None:
    """Check that a split has enough classes and samples for episodes.

    Args:
        split: The split.
        name: Its name, for the message.
        ways: Classes of each episode.
        shots: Support samples of each class.
        queries: Query samples of each class.
        within: Column of categories, such as a domain, each of which must have enough; None for all classes together.
        only: The one category that they are drawn from; None for all.

    Raises:
        UsageError: The split, or a category, has fewer than `ways` classes with `shots` + `queries` samples; or there
            is no such column.
    """
    for group, classes in groups_of(split, within, only).items():
        where = f"the {within} '{group}' of the split '{name}'" if within else f"the split '{name}'"
        enough = sum(len(members) >= shots + queries for members in classes)
        if enough < ways:
            raise UsageError(
                f"{ways}-way {shots}-shot episodes with {queries} queries need {ways} classes of at least "
                f"{shots + queries} samples; {where} has {enough} such classes of {len(classes)}."
            )


def _some_of_each_row(keys: Tensor, number: int) -> Tensor:
    """The places of the `number` smallest random keys of each row: a uniform draw without replacement."""
    return keys.topk(number, dim=-1, largest=False, sorted=True).indices


def _derive_generator(generator: torch.Generator) -> torch.Generator:
    """Another generator, seeded by the state of this one, which does not change."""
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    seed = torch.randint(2**62, (), generator=copy)  # not the copy itself: the next episodes' numbers are the same
    return copy.manual_seed(int(seed))
