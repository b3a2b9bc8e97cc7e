"""Methods that keep the contract, from which the broken ones are made."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from harness import Episodes, Labelled, Method, Views


class Classify(Method):
    """A linear classifier on the backbone."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Labelled()
        self.head = nn.Linear(backbone.feature_dim, len(data.train.classes))

    def loss(self, batch):
        return F.cross_entropy(self.head(self.backbone(batch.inputs)), batch.labels)


class Contrast(Method):
    """The other view of an image is told from the others."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Views(2)

    def loss(self, views):
        one, other = F.normalize(self.backbone(views.flatten(0, 1)), dim=1).chunk(2)
        return F.cross_entropy(one @ other.T / 0.2, torch.arange(len(one), device=one.device))


class Queued(Contrast):
    """The other view of an image is told from the others and from those of earlier steps."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.register_buffer("queue", F.normalize(torch.randn(backbone.feature_dim, 192), dim=0))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def loss(self, views):
        one, other = F.normalize(self.backbone(views.flatten(0, 1)), dim=1).chunk(2)
        self.newest = other.detach()
        logits = one @ torch.cat([other.T, self.queue], 1)
        return F.cross_entropy(logits / 0.2, torch.arange(len(one), device=one.device))

    def after_step(self, step, steps):
        self.queue[:, self.place + torch.arange(len(self.newest), device=self.queue.device)] = self.newest.T
        self.move()

    def move(self):
        self.place.add_(len(self.newest)).remainder_(self.queue.shape[1])


class Followed(Contrast):
    """The other view of an image is told from the others by a network that follows."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.keys = copy.deepcopy(backbone).requires_grad_(False)

    def loss(self, views):
        one, other = (F.normalize(part, dim=1) for part in (self.backbone(views[0]), self.keys(views[1])))
        return F.cross_entropy(one @ other.T / 0.2, torch.arange(len(one), device=one.device))

    @torch.no_grad()
    def after_step(self, step, steps):
        for key, weight in zip(self.followers(), self.backbone.parameters(), strict=True):
            key.lerp_(weight, 0.1)

    def followers(self):
        return list(self.keys.parameters())


class Prototypes(Method):
    """A query is nearest to the mean of its class."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Episodes(5, 5, 5, 4)

    def loss(self, batch):
        support, query = (self.backbone(part.flatten(0, 1)).unflatten(0, part.shape[:2]) for part in batch[::2])
        classify = self.adapt(support, self.labels(batch.support_labels), 5)
        return F.cross_entropy(10 * classify(query).flatten(0, 1), batch.query_labels.flatten())

    def labels(self, labels):
        return labels
