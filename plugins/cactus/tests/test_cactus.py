"""CACTUs: what its clusters are, that no label reaches them, and that its losses are those of its learners."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_cactus import Config
from harness_cactus.clusters import ClusterEpisodes
from harness_cactus.method import FromClusters, build
from harness_maml.maml import MAML
from harness_protonet.method import ProtoNet
from torch import Tensor

from harness import Data, EpisodeBatch, Split, UsageError
from harness.learning.data.batches import Source
from harness.testing.problem import relabelled

LEARNERS: dict[str, Any] = {"maml": {"tasks": 2}, "protonet": {"learner": "protonet"}}
FEW = {"ways": 3, "shots": 1, "queries": 2, "clusters": 8, "partitions": 3}


def cactus(data: Data, net: Any, learner: str = "protonet", **options: Any) -> FromClusters:
    torch.manual_seed(0)
    return build(copy.deepcopy(net), Config(**FEW | LEARNERS[learner] | options), data).train()


def draw(method: FromClusters, data: Data, step: int = 0) -> EpisodeBatch:
    assert isinstance(method.batches, ClusterEpisodes)
    return method.batches.draw(Source(data, 1, 0), step)


def nearest(features: Tensor, partition: Tensor) -> list[int]:
    """The cluster whose mean is the nearest to each of `features`, a sample at a time."""
    means = [features[partition == cluster].mean(0) for cluster in range(FEW["clusters"])]
    return [min(range(len(means)), key=lambda each: float((row - means[each]).square().sum())) for row in features]


def test_clusters_are_those_of_the_features_at_the_start(gratings: Data, tiny_net: Any) -> None:
    """Each sample is in the cluster of the nearest mean (a fixed point of k-means), in the first partition by plain
    distances, in the others by distances in scaled dimensions."""
    method = cactus(gratings, tiny_net)
    assert (method.clusters == -1).all()
    draw(method, gratings)
    assert method.training
    with torch.no_grad():
        features = tiny_net.eval()(gratings.inputs(gratings.train.samples)).double()
    agreeing = [
        sum(a == b for a, b in zip(nearest(features, partition), partition.tolist(), strict=True)) / len(features)
        for partition in method.clusters
    ]
    assert agreeing[0] > 0.99  # k-means stops when the means hardly move any more
    assert max(agreeing[1:]) < 0.99
    assert [len(partition.unique()) for partition in method.clusters] == [8, 8, 8]
    other = cactus(gratings, tiny_net)
    other.batches.draw(Source(gratings, 1, seed=1), 0)  # type: ignore[union-attr]
    assert not torch.equal(other.clusters, method.clusters)


@pytest.mark.parametrize("learner", LEARNERS)
def test_no_label_reaches_a_batch(learner: str, gratings: Data, tiny_net: Any) -> None:
    train = gratings.train
    unlabelled = replace(gratings, splits={"train": Split(train.samples)})
    found = []
    for data in (gratings, relabelled(gratings), unlabelled):
        method = cactus(data, tiny_net, learner)
        assert method.batches is not None
        method.batches.check(Source(data, 1, 0))
        batches = [draw(method, data, step) for step in range(3)]
        found.append([method.clusters, *(part for batch in batches for part in batch)])
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


def test_classes_of_a_task_are_clusters_of_one_partition_and_steps_use_all(gratings: Data, tiny_net: Any) -> None:
    method = cactus(gratings, tiny_net, "maml")
    pictures = gratings.inputs(gratings.train.samples).flatten(1)
    seen = set()
    for step in range(12):
        batch = draw(method, gratings, step)
        fitting = set(range(3))
        for task in range(2):
            inputs = torch.cat([batch.support[task], batch.query[task]]).flatten(1)
            labels = torch.cat([batch.support_labels[task], batch.query_labels[task]])
            samples = torch.cdist(inputs.double(), pictures.double()).argmin(1)
            for partition in range(3):
                of_class = [method.clusters[partition, samples[labels == way]].unique() for way in range(3)]
                if any(len(each) > 1 for each in of_class) or len(torch.cat(of_class).unique()) < 3:
                    fitting.discard(partition)
        assert fitting
        seen |= fitting if len(fitting) == 1 else set()
    assert seen == {0, 1, 2}


@pytest.mark.parametrize(("learner", "kind"), [("maml", MAML), ("protonet", ProtoNet)])
def test_the_loss_is_that_of_the_learner(learner: str, kind: type[Any], gratings: Data, tiny_net: Any) -> None:
    method = cactus(gratings, tiny_net, learner)
    batch = draw(method, gratings)
    batch = batch._replace(support=batch.support.double(), query=batch.query.double())
    torch.manual_seed(0)
    plain = kind(copy.deepcopy(tiny_net), method.config, gratings).double().train()
    torch.testing.assert_close(method.double().loss(batch)["loss"], plain.loss(batch)["loss"])


def test_clusters_go_with_the_weights(gratings: Data, tiny_net: Any) -> None:
    """What goes on from a checkpoint draws what the first one would have drawn, though its backbone is another."""
    method = cactus(gratings, tiny_net)
    expected = [draw(method, gratings, step) for step in (0, 7)]
    torch.nn.init.normal_(tiny_net.layers[0].weight)
    resumed = cactus(gratings, tiny_net)
    resumed.load_state_dict(method.state_dict())
    for step, batch in zip((0, 7), expected, strict=True):
        assert all(torch.equal(*pair) for pair in zip(draw(resumed, gratings, step), batch, strict=True))


def test_clusters_too_small_are_left_out_and_said(
    gratings: Data, tiny_net: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    method = cactus(gratings, tiny_net, clusters=100, queries=9)
    draw(method, gratings)
    small = sum(int((partition.bincount(minlength=100) < 10).sum()) for partition in method.clusters)
    said = f"cactus: {small} of 3 × 100 clusters have fewer than 10 samples and are left out of the tasks"
    assert small > 0
    assert said in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"'train, in clusters,' has [0-9]+ such classes of 100"):
        draw(cactus(gratings, tiny_net, clusters=100, queries=900), gratings)
    with pytest.raises(UsageError, match="5000 clusters are more than the split 'train' has samples, 1024"):
        cactus(gratings, tiny_net, clusters=5000).batches.check(Source(gratings, 1, 0))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clusters": 4}, "clusters must be at least as many as ways, 5, not 4"),
        ({"partitions": 0}, "partitions must be at least 1"),
        ({"learner": "protonet", "inner_lr": 0.2}, "inner_lr must be left out for the learner protonet"),
        ({"ways": 1}, "ways must be at least 2"),
    ],
)
def test_impossible_options_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**values)
