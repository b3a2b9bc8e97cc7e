"""ProtoNet against a plain loop, and that it learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from harness_protonet import Config
from harness_protonet.method import ProtoNet
from torch import Tensor, nn

from harness import Data, EpisodeBatch, Episodes, Split, draw_episodes
from harness.learning.data.batches import Source, gather_episodes
from harness.testing.problem import image_data


class Small(nn.Module):
    """One convolution with batch norm."""

    feature_dim = 8

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).flatten(1)


def patterns(classes: int = 24, per_class: int = 12) -> Data:
    """Every class is a 3x3 texture that tiles a 9x9 picture from a random phase; the last third of classes is `novel`.

    Pictures differ far more in brightness, which says nothing of the class, so that there is something to learn.
    """
    generator = torch.Generator().manual_seed(0)
    textures = torch.randint(80, (classes, 3, 3), generator=generator)
    labels = torch.arange(classes).repeat_interleave(per_class)
    images = torch.randint(25, (len(labels), 1, 9, 9), generator=generator)
    images += torch.randint(150, (len(labels), 1, 1, 1), generator=generator)
    for image, label in zip(images, labels, strict=True):
        phase = torch.randint(3, (2,), generator=generator).tolist()
        image.add_(textures[label].roll(phase, (0, 1)).repeat(3, 3))
    known = labels < classes * 2 // 3
    names = tuple(map(str, range(classes)))
    splits = {
        "train": Split(images[known].to(torch.uint8), labels[known], names),
        "novel": Split(images[~known].to(torch.uint8), labels[~known], names),
    }
    return image_data(splits)


def protonet(config: Config, data: Data) -> ProtoNet:
    torch.manual_seed(0)
    return ProtoNet(Small(), config, data)


def loop(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    """Equation 2 of the paper, a number at a time: logits (Q, ways) from features."""
    ways = int(labels.max()) + 1
    logits = torch.empty(len(query), ways, dtype=query.dtype)
    for way in range(ways):
        members = [feature for feature, label in zip(support, labels, strict=True) if label == way]
        prototype = sum(members) / len(members)
        for i, feature in enumerate(query):
            logits[i, way] = -sum((a - b) ** 2 for a, b in zip(feature, prototype, strict=True))
    return logits


def batch(data: Data, config: Config) -> EpisodeBatch:
    return Episodes(config.ways, config.shots, config.queries).draw(Source(data, 1, 0), 0)


def test_loss_is_that_of_a_loop_with_one_batch_norm_over_support_and_query() -> None:
    data, config = patterns(), Config(ways=4, shots=3, queries=2)
    method, episode = protonet(config, data).train(), batch(data, config)
    loss = method.loss(episode)["loss"]
    features = method.backbone(torch.cat([episode.support[0], episode.query[0]]))
    logits = loop(features[:12], episode.support_labels[0], features[12:])
    torch.testing.assert_close(loss, F.cross_entropy(logits, episode.query_labels[0]))
    apart = loop(method.backbone(episode.support[0]), episode.support_labels[0], method.backbone(episode.query[0]))
    assert (F.cross_entropy(apart, episode.query_labels[0]) - loss).abs() > 1e-5  # another objective


def test_adaptation_is_the_training_distance_for_every_episode() -> None:
    data = patterns()
    method = protonet(Config(), data).eval()
    generator = torch.Generator().manual_seed(0)
    support, query = torch.randn(5, 12, 6, generator=generator), torch.randn(5, 8, 6, generator=generator)
    labels = torch.stack(
        [torch.arange(4).repeat_interleave(3)[torch.randperm(12, generator=generator)] for _ in range(5)]
    )
    logits = method.adapt(support, labels, 4)(query)
    for episode in range(5):
        torch.testing.assert_close(logits[episode], loop(support[episode], labels[episode], query[episode]))


def test_training_improves_few_shot_accuracy_on_novel_classes() -> None:
    """From about .4 to about .8 on 5-way 1-shot; chance is .2."""
    data, config = patterns(60, 20), Config(ways=10, shots=5, queries=5)
    method = protonet(config, data)
    source, optimizer = Source(data, 1, 0), torch.optim.Adam(method.parameters(), lr=1e-2)

    @torch.no_grad()
    def accuracy() -> float:
        split = data.split("novel")
        drawn = draw_episodes(split.by_class, 5, 1, 15, 200, torch.Generator().manual_seed(0))
        support, labels, query, targets = gather_episodes(data, split.samples, drawn)
        method.eval()
        encode = [method.encode(part.flatten(0, 1)).unflatten(0, part.shape[:2]) for part in (support, query)]
        return (method.adapt(encode[0], labels, 5)(encode[1]).argmax(-1) == targets).float().mean().item()

    method.train()
    method.loss(method.batches.draw(source, 0))  # type: ignore[union-attr]  # running statistics for a fair start
    before = accuracy()
    method.train()
    for step in range(100):
        optimizer.zero_grad()
        method.loss(method.batches.draw(source, step))["loss"].backward()  # type: ignore[union-attr]
        optimizer.step()
    after = accuracy()
    assert after > before + 0.15, (before, after)


@pytest.mark.parametrize("values", [{"ways": 1}, {"shots": 0}, {"queries": 0}])
def test_impossible_options_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Config(**values)


def test_features_far_from_the_origin_keep_their_distances() -> None:
    """75 queries, as in real episodes: there, a quicker way to compute distances would flip predictions."""
    method = protonet(Config(), patterns()).eval()
    generator = torch.Generator().manual_seed(0)
    support, query = (1000 + torch.randn(1, number, 6, generator=generator) for number in (5, 75))
    labels = torch.arange(5)[None]
    expected = loop(support[0].double(), labels[0], query[0].double())
    torch.testing.assert_close(method.adapt(support, labels, 5)(query)[0].double(), expected, atol=1e-2, rtol=1e-3)
