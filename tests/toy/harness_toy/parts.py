"""The parts of the toy plugin."""

import os
import signal
import time

import torch
import torch.nn.functional as F
from torch import nn

from harness import Evaluator, ImageDataset, Labelled, Method, Metric, Split, UsageError


class Flat(nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.feature_dim = config.width
        self.linear = nn.Linear(torch.Size(shape).numel(), config.width)

    def forward(self, images):
        return self.linear(images.flatten(1))


class Blobs(ImageDataset):
    def load(self):
        generator = torch.Generator().manual_seed(0)
        means = torch.randint(60, 196, (self.config.classes, 3, 1, 1), generator=generator)
        splits = {}
        for name in ("train", "test"):
            labels = torch.arange(self.config.classes).repeat_interleave(self.config.per_class)
            noise = torch.randn(len(labels), 3, 4, 4, generator=generator) * 30
            images = (means[labels] + noise).clamp(0, 255).to(torch.uint8)
            splits[name] = Split(images, labels, tuple(f"colour {number}" for number in range(self.config.classes)))
        return splits


class Broken(ImageDataset):
    def load(self):
        raise RuntimeError("the disk is made of cheese")


class Deadly(ImageDataset):
    def load(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Classify(Method):
    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Labelled()
        self.head = nn.Linear(backbone.feature_dim, len(data.train.classes))
        self.dropout = nn.Dropout(0.1)  # randomness that must be the same after a resume

    def loss(self, batch):
        if self.config.seconds:  # torch.compile warns of what it cannot trace
            time.sleep(self.config.seconds)
        logits = self.head(self.dropout(self.backbone(batch.inputs))) / self.config.temperature
        return {
            "loss": F.cross_entropy(logits, batch.labels),
            "accuracy": (logits.argmax(1) == batch.labels).float().mean(),
        }


class Idle(Method):
    pass


class Fail(Classify):
    def __init__(self, backbone, config, data):
        Method.__init__(self, backbone, config, data)
        self.batches = Labelled()

    def loss(self, batch):
        return self.backbone(batch.inputs).square().mean() * (float("nan") if self.config.how == "nan" else 1)

    def after_step(self, step, steps):
        if step == self.config.step and not (self.config.unless and self.config.unless.exists()):
            if self.config.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.config.how == "raise":
                raise RuntimeError("failed on purpose")


class Nearest(Evaluator):
    def check(self, method, data):
        data.split(self.config.split)

    def evaluate(self, trained):
        train, test = trained.data.train, trained.data.split(self.config.split)
        known = trained.features("train")
        means = torch.stack([known[train.labels == label].mean(0) for label in range(len(train.classes))])
        predicted = torch.cdist(trained.features(self.config.split), means).argmin(1)
        return {"accuracy": Metric.mean((predicted == test.labels).float(), "sample", shown="percent")}


class Failing(Evaluator):
    def evaluate(self, trained):
        raise UsageError("this evaluator fails on purpose")
