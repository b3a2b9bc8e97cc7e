"""CACTUs: the learners of other plugins on clusters instead of classes."""

from __future__ import annotations

import sys
from typing import ClassVar

import torch
from harness_maml.maml import MAML
from harness_protonet.method import ProtoNet
from torch import Tensor, nn

from harness import Data, Method, Source, Trained, UsageError, require_episodes
from harness_cactus import Config
from harness_cactus.clusters import ClusterEpisodes, labelled, partitions_of


class FromClusters(Method):
    """Learns tasks whose classes are clusters of the features that its backbone gives of the training samples as it
    starts (Hsu et al. 2019, algorithm 1).

    The clusters are made when the first batch is drawn, and kept in a buffer: later the backbone is another.
    """

    distributed: ClassVar[bool] = False
    clusters: Tensor  # int32 (partitions, N); -1 until they are made

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.register_buffer("clusters", torch.full((config.partitions, len(data.train)), -1, dtype=torch.int32))
        sizes = (config.ways, config.shots, config.queries, config.tasks if config.learner == "maml" else 1)
        self.batches = ClusterEpisodes(*sizes, clusters=config.clusters, partitions=self.partitions)

    def check_start(self, start: str) -> None:
        if not start:
            raise UsageError(
                "this backbone starts from random weights, and 'cactus' clusters the features of one that was trained: "
                "write 'start: METHOD' in its entry, or 'weights: FILE' in that of the backbone."
            )

    def partitions(self, source: Source) -> Tensor:
        """The clusters of the training samples, made where they are not."""
        if self.clusters[0, 0] < 0:
            mode, config = self.training, self.config
            features = Trained(self, source.data).features("train")
            self.train(mode)
            made = partitions_of(features, config.partitions, config.clusters, source)
            self.require_tasks(made, source.data)
            self.clusters.copy_(made)
        return self.clusters

    def require_tasks(self, partitions: Tensor, data: Data) -> None:
        """Says which clusters are left out. Raises UsageError if those of a partition cannot fill an episode."""
        config, small = self.config, 0
        for partition in partitions:
            split = labelled(data, partition, config.clusters).train
            require_episodes(split, "train, in clusters,", config.ways, config.shots, config.queries)
            small += sum(len(members) < config.shots + config.queries for members in split.by_class)
        if small:
            print(
                f"cactus: {small} of {len(partitions)} × {config.clusters} clusters have fewer than "
                f"{config.shots + config.queries} samples and are left out of the tasks",
                file=sys.stderr,
            )


class ClusterMAML(FromClusters, MAML):
    """CACTUs-MAML."""

    name = "cactus"


class ClusterProtoNet(FromClusters, ProtoNet):
    """CACTUs-ProtoNets."""


def build(backbone: nn.Module, config: Config, data: Data) -> FromClusters:
    """The method with the learner that its options name."""
    return {"maml": ClusterMAML, "protonet": ClusterProtoNet}[config.learner](backbone, config, data)
