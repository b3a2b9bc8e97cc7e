"""Methods that each keep the contract but for one point."""

import os
import signal
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from good_methods import Classify, Contrast, Followed, Prototypes, Queued
from torch import nn

from harness import class_means


class StandingQueue(Queued):
    """writes to the same places of its queue in every step"""

    def move(self):
        (self.place + len(self.newest)).remainder_(self.queue.shape[1])


class StandingKeys(Followed):
    """moves a copy of its momentum network, which itself stays as it started"""

    def followers(self):
        return [key.clone() for key in super().followers()]


class NoMethod(nn.Module):
    """does not derive from harness.Method"""

    def __init__(self, backbone, config, data):
        super().__init__()
        self.backbone = backbone


class LossPerImage(Classify):
    """has a loss for each image"""

    def loss(self, batch):
        return F.cross_entropy(self.head(self.backbone(batch.inputs)), batch.labels, reduction="none")


class Squeezed(Classify):
    """calls squeeze() on its features"""

    def encode(self, images):
        return self.backbone(images).squeeze()


class Infinite(Classify):
    """takes the logarithm of zero"""

    adapts_on = "inputs"

    def encode(self, images):
        return self.backbone(images).log()

    def adapt(self, support, labels, ways):
        def encode(images):
            return self.backbone(images.flatten(0, 1)).unflatten(0, images.shape[:2])

        classify = super().adapt(encode(support), labels, ways)
        return lambda query: classify(encode(query))


class Centred(Classify):
    """subtracts the mean of the batch from its features"""

    def encode(self, images):
        features = self.backbone(images)
        return features - features.mean(0)


class OneClassMore(Classify):
    """has a logit for one class more than there are"""

    def adapt(self, support, labels, ways):
        classify = super().adapt(support, labels, ways)
        return lambda query: F.pad(classify(query), (0, 1), value=-1e9)


class LessSureOfLaterQueries(Classify):
    """scales the logits of a query by its place among the queries"""

    def adapt(self, support, labels, ways):
        classify = super().adapt(support, labels, ways)
        return lambda query: classify(query) / (1 + 0.1 * torch.arange(query.shape[1])[:, None])


class InOrderOfClasses(Classify):
    """takes queries to come class by class, fifteen of each, and leans towards that class"""

    def adapt(self, support, labels, ways):
        classify = super().adapt(support, labels, ways)

        def leaning(query):
            logits = classify(query)
            expected = F.one_hot((torch.arange(query.shape[1]) // 15).clamp(max=ways - 1), ways)
            return logits + 0.01 * logits.abs().mean() * expected

        return leaning


class NormalisedByQueries(Classify):
    """subtracts the mean of the queries and calls itself inductive"""

    def adapt(self, support, labels, ways):
        classify = super().adapt(support - support.mean(1, keepdim=True), labels, ways)
        return lambda query: classify(query - query.mean(1, keepdim=True))


class SupportByPlace(Classify):
    """takes the support set to come class by class and ignores its labels"""

    def adapt(self, support, labels, ways):
        placed = torch.arange(ways).repeat_interleave(labels.shape[1] // ways)
        return super().adapt(support, placed.expand_as(labels), ways)


class FirstShot(Classify):
    """uses the first support sample of each class alone"""

    def adapt(self, support, labels, ways):
        first = (labels[:, :, None] == torch.arange(ways)).int().argmax(1)
        chosen = support.gather(1, first[..., None].expand(-1, -1, support.shape[2]))
        return super().adapt(chosen, torch.arange(ways).expand_as(first), ways)


class SupportShifted(Prototypes):
    """has the labels of its support sets shifted by one class in training"""

    def labels(self, labels):
        return (labels + 1) % 5


class SupportPermuted(Prototypes):
    """has the labels of its support sets permuted in training"""

    def labels(self, labels):
        return labels[:, torch.randperm(labels.shape[1])]


class LabelsPermuted(Classify):
    """has its labels permuted in training, so that nothing but batch norm fits the data"""

    def loss(self, batch):
        return F.cross_entropy(self.head(self.backbone(batch.inputs)), batch.labels[torch.randperm(len(batch.labels))])


class QueriesByPlace(Prototypes):
    """takes its queries to come class by class in training and ignores their labels"""

    def loss(self, batch):
        placed = torch.arange(5).repeat_interleave(batch.query_labels.shape[1] // 5)
        return super().loss(batch._replace(query_labels=placed.expand_as(batch.query_labels)))


class CarriesOver(Classify):
    """starts each episode where the one before it ended"""

    def adapt(self, support, labels, ways):
        adapted, carried = [], 0
        for episode in zip(support, labels, strict=True):
            means = F.normalize(class_means(*(part[None] for part in episode), ways), dim=-1)
            carried = means + 0.2 * carried
            adapted.append(carried)
        return lambda query: F.normalize(query, dim=-1) @ torch.cat(adapted).mT


class SoftmaxOverQueries(Classify):
    """takes its softmax over the queries instead of the classes"""

    def adapt(self, support, labels, ways):
        classify = super().adapt(support, labels, ways)
        return lambda query: classify(query).softmax(1)


class SeenTest(Classify):
    """centres its images by the mean of the test split"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.register_buffer("centre", data.inputs(data.split("test").samples).mean(0))

    def encode(self, images):
        return self.backbone(images - self.centre)

    def loss(self, batch):
        return super().loss(batch._replace(inputs=batch.inputs - self.centre))


class Unused(Classify):
    """has a parameter that the loss does not use"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.scale = nn.Parameter(torch.ones(()))


class Twice(Squeezed, Unused):
    """fails two checks"""


class Frozen(Classify):
    """has a parameter without requires_grad that nothing moves"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.temperature = nn.Parameter(torch.ones(()), requires_grad=False)


class Unseeded(Classify):
    """starts from weights that no seed decides"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        weights = np.random.default_rng().normal(0, 0.1, self.head.weight.shape)
        self.head.weight.data = torch.from_numpy(weights).float()


class Forgetful(Classify):
    """counts its steps, on which the loss depends, in a plain attribute"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.steps = 0

    def loss(self, batch):
        return super().loss(batch) / (1 + 0.01 * self.steps)

    def after_step(self, step, steps):
        self.steps += 1


class Collapsing(Classify):
    """makes its outputs small, whatever the image"""

    def loss(self, batch):
        return self.head(self.backbone(batch.inputs)).square().mean()


class Peeking(Contrast):
    """weighs its views by labels that it kept of the data"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.register_buffer("labels", data.train.labels[:64].clone())

    def loss(self, views):
        return super().loss(views) * self.labels.float().mean()


class Benchmarking(Classify):
    """switches cudnn's benchmark mode"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark


class Reseeding(Classify):
    """seeds torch in its loss"""

    def loss(self, batch):
        torch.manual_seed(0)
        return super().loss(batch)


class DropsItsHead(Classify):
    """encodes with a layer that it drops after the training"""

    def encode(self, images):
        features = super().encode(images)
        return features if self.head is None else torch.cat([features, self.head(features)], 1)

    def after_training(self):
        self.head = None


class HoldsALibrary(Classify):
    """keeps a module of Python, which cannot be copied"""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.library = os


class NormalisedSamples(Classify):
    """makes samples whose brightness is evened out over those made together"""

    def sample(self, n, generator):
        pictures = torch.rand(n, 1, 12, 12, generator=generator)
        return (255 * pictures / pictures.amax()).to(torch.uint8)


class Drawing(Classify):
    """draws random numbers to encode"""

    def encode(self, images):
        return self.backbone(images + 0 * torch.rand_like(images))


class Freezing(Classify):
    """freezes the backbone to encode, and leaves it so"""

    def encode(self, images):
        self.backbone.requires_grad_(False)
        return super().encode(images)


class Clipping(Classify):
    """cuts off negative numbers in the images that it encodes, in place"""

    def encode(self, images):
        return self.backbone(images.relu_())


class OfItsOwnDevice(Contrast):
    """tells an image from those of its own device alone"""

    distributed = True


class FailsElsewhere(Classify):
    """fails on every device but the first"""

    distributed = True

    def loss(self, batch):
        if torch.distributed.is_initialized() and torch.distributed.get_rank():
            warnings.warn("a warning that comes last", stacklevel=1)
            raise ValueError("this device has no queue")
        return super().loss(batch)


class KilledElsewhere(Classify):
    """ends every process but the first"""

    distributed = True

    def loss(self, batch):
        if torch.distributed.is_initialized() and torch.distributed.get_rank():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(batch)


class OnTheCpu(Classify):
    """makes a tensor on the CPU"""

    def loss(self, batch):
        return (super().loss(batch) + torch.zeros(1)).mean()
