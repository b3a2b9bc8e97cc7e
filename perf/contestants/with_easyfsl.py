"""easyfsl, as its notebooks put its parts together: a TaskSampler and a DataLoader over ready float images."""

from __future__ import annotations

from typing import Any

import pictures
from easyfsl.datasets import FeaturesDataset
from easyfsl.methods import PrototypicalNetworks
from easyfsl.samplers import TaskSampler
from easyfsl.utils import evaluate, predict_embeddings
from networks import backbone, loader
from torch import nn
from torch.utils.data import Sampler
from worker import Options, Work, serve


def old_sampler(sampler: Any, data_source: Any = None) -> None:
    """easyfsl 1.5 still passes an argument that torch no longer takes."""


Sampler.__init__ = old_sampler  # type: ignore[assignment, method-assign]  # or its TaskSampler could not be made at all


def tasks(dataset: Any, options: Options) -> Any:
    number = int(options["peers_episodes"])
    sampler = TaskSampler(dataset, options["ways"], options["shots"], options["queries"], number)
    return loader(dataset, options, batch_sampler=sampler, collate_fn=sampler.episodic_collate_fn)


def episodes(options: Options) -> Work:
    stream = tasks(pictures.ReadyCharacters(options["classes"]), options)
    return Work(lambda: sum(1 for _ in stream))


def evaluation(options: Options) -> Work:
    network = backbone(options["network"], 1, 28)[0]
    stream = tasks(pictures.ReadyCharacters(options["classes"]), options)
    return Work(lambda: score(network, stream, options), network)


def evaluation_cached(options: Options) -> Work:
    """On embeddings predicted beforehand; their prediction is not timed."""
    network = backbone(options["network"], 1, 28)[0].to(options["device"]).eval()
    batches = loader(pictures.ReadyCharacters(options["classes"]), options, batch_size=512)
    stream = tasks(FeaturesDataset.from_dataframe(predict_embeddings(batches, network, options["device"])), options)
    return Work(lambda: score(nn.Identity(), stream, options), network)


def score(network: nn.Module, stream: Any, options: Options) -> int:
    classifier = PrototypicalNetworks(network).to(options["device"]).eval()
    evaluate(classifier, stream, device=options["device"], use_tqdm=False)
    return int(options["peers_episodes"])


if __name__ == "__main__":
    works = {"episodes": episodes, "evaluation": evaluation, "evaluation_cached": evaluation_cached}
    serve(works, ["easyfsl"])
