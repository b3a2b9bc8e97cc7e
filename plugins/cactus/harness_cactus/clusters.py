"""Clusters features, and draws episodes whose classes are clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness import Data, EpisodeIndices, Episodes, Source, Split, UsageError


def k_means(features: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """The cluster of each of `features` (N, D): int32 (N,) in 0 .. number - 1, on the CPU."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    seed = int(torch.randint(2**31, (), generator=generator))
    with threadpool_limits(limits=1):  # several threads add up in any order: the last bits would differ
        found = KMeans(number, n_init=1, random_state=seed).fit(features.cpu().numpy())
    return torch.from_numpy(found.labels_).int()


def partitions_of(features: Tensor, number: int, clusters: int, source: Source) -> Tensor:
    """int32 (number, N): the cluster of each sample in each partition. The first one is of the features as they are,
    the others of features whose dimensions are scaled by random numbers between 0 and 1."""
    found = []
    for partition in range(number):
        generator = source.generator("clusters", partition, torch.device("cpu"))
        scales = torch.rand(features.shape[1], generator=generator) if partition else torch.ones(features.shape[1])
        found.append(k_means(features * scales.to(features.device), clusters, generator))
    return torch.stack(found)


@dataclass(frozen=True)
class ClusterEpisodes(Episodes):
    """Episodes whose classes are clusters of the training samples; the tasks of a step are of one partition. Labels are
    not looked at. `partitions` gives the clusters, int32 (partitions, N)."""

    clusters: int = 0
    partitions: Callable[[Source], Tensor] | None = None

    def check(self, source: Source) -> None:
        if self.clusters > len(source.data.train):
            raise UsageError(
                f"{self.clusters} clusters are more than the split 'train' has samples, {len(source.data.train)}: set "
                "'clusters' to fewer."
            )

    def indices(self, source: Source, step: int) -> EpisodeIndices:
        assert self.partitions is not None
        partitions = self.partitions(source)
        generator = source.generator("partition", step, torch.device("cpu"))
        drawn = partitions[int(torch.randint(len(partitions), (), generator=generator))]
        return super().indices(replace(source, data=labelled(source.data, drawn, self.clusters)), step)


def labelled(data: Data, partition: Tensor, clusters: int) -> Data:
    """The data set with clusters for classes."""
    names = tuple(map(str, range(clusters)))
    return replace(data, splits={**data.splits, "train": Split(data.train.samples, partition.long(), names)})
