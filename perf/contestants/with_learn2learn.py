"""learn2learn, as its own examples put its parts together (its `examples/vision`), on ready float images."""

from __future__ import annotations

import learn2learn as l2l
import pictures
import torch
import torch.nn.functional as F
from networks import autocast, backbone
from torch import Tensor, nn
from worker import Options, Work, serve


class Tasks:
    """Tasks of `ways` classes, split into support and query as the examples do: by place within each class."""

    def __init__(self, options: Options) -> None:
        self.ways, self.shots, self.device = options["ways"], options["shots"], options["device"]
        self.each = self.shots + options["queries"]
        dataset = l2l.data.MetaDataset(pictures.ReadyCharacters(options["classes"]))
        transforms = [
            l2l.data.transforms.FusedNWaysKShots(dataset, n=self.ways, k=self.each),
            l2l.data.transforms.LoadData(dataset),
            l2l.data.transforms.RemapLabels(dataset),
            l2l.data.transforms.ConsecutiveLabels(dataset),
        ]
        self.set = l2l.data.TaskDataset(dataset, task_transforms=transforms)  # all the tasks there are: none is kept
        self.support = torch.zeros(self.ways, self.each, dtype=torch.bool)
        self.support[:, : self.shots] = True
        self.support = self.support.flatten()

    def sample(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Support images, their labels, query images, their labels."""
        data, labels = self.set.sample()
        data, labels = data.to(self.device), labels.to(self.device)
        return data[self.support], labels[self.support], data[~self.support], labels[~self.support]


def maml(options: Options) -> Work:
    tasks = Tasks({**options, "ways": 5, "shots": 1, "queries": 15})
    body, features = backbone(options["network"], 1, 28)
    network = nn.Sequential(body, nn.Linear(features, 5)).to(options["device"])
    learning = l2l.algorithms.MAML(network, lr=0.4, first_order=False)
    optimizer = torch.optim.Adam(learning.parameters(), lr=1e-3)

    def run() -> int:
        for _ in range(options["steps"]):
            optimizer.zero_grad()
            for _ in range(4):
                support, labels, query, targets = tasks.sample()
                with autocast(options):
                    learner = learning.clone()
                    learner.adapt(F.cross_entropy(learner(support), labels))
                    error = F.cross_entropy(learner(query), targets)
                error.backward()
            for weight in learning.parameters():
                weight.grad.data.mul_(1 / 4)
            optimizer.step()
        return 4 * int(options["steps"])

    return Work(run, network)


def protonet(options: Options) -> Work:
    tasks = Tasks(options)
    network = backbone(options["network"], 1, 28)[0].to(options["device"])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def run() -> int:
        for _ in range(options["steps"]):
            support, labels, query, targets = tasks.sample()
            with autocast(options):
                features = network(torch.cat([support, query])).float()
                classifier = l2l.nn.PrototypicalClassifier(features[: len(support)], labels)
                error = F.cross_entropy(classifier(features[len(support) :]), targets)
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
        return int(options["steps"])

    return Work(run, network)


def episodes(options: Options) -> Work:
    tasks, number = Tasks(options), int(options["peers_episodes"])

    def run() -> int:
        for _ in range(number):
            tasks.sample()
        return number

    return Work(run)


def evaluation(options: Options) -> Work:
    tasks, number = Tasks(options), int(options["peers_episodes"])
    network = backbone(options["network"], 1, 28)[0].to(options["device"]).eval()

    @torch.no_grad()
    def run() -> int:
        hits = 0.0
        for _ in range(number):
            support, labels, query, targets = tasks.sample()
            features = network(torch.cat([support, query]))
            classifier = l2l.nn.PrototypicalClassifier(features[: len(support)], labels)
            hits += (classifier(features[len(support) :]).argmax(1) == targets).float().mean().item()
        return number

    return Work(run, network)


if __name__ == "__main__":
    works = {"maml": maml, "protonet": protonet, "episodes": episodes, "evaluation": evaluation}
    serve(works, ["learn2learn"])
