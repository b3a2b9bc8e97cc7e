"""The harness, through the functions that a cell goes through. Runs in the harness's own environment."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pictures
import torch
from harness_backbones import Conv4Config, ResNetConfig
from harness_backbones.conv4 import Conv4
from harness_backbones.resnet import resnet18
from harness_evaluators import FewShotConfig
from harness_evaluators.fewshot import FewShot
from harness_maml import MAMLConfig
from harness_maml.maml import MAML
from harness_moco import MoCoConfig
from harness_moco.method import MoCo
from harness_protonet import Config as ProtoNetConfig
from harness_protonet.method import ProtoNet
from harness_simclr import Config as SimCLRConfig
from harness_simclr.method import SimCLR
from torch import Tensor, nn
from torch.func import functional_call
from worker import Options, Work, serve

from harness import Augmentation, Backbone, Data, EpisodeBatch, Images, Method, Split, Trained, draw_episodes
from harness.base.checkpoint_interval import Interval
from harness.learning.data.batches import Source, gather_episodes
from harness.learning.data.transforms import augment
from harness.learning.optimizers import make_optimizer
from harness.learning.training import train
from harness.running.allocator import keep_freed_memory
from harness.suite.budget import Budget

RECIPE = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)
NOWHERE, NEVER = Path("no-checkpoint"), Interval()  # of a checkpoint that is never due


def photos(options: Options) -> Data:
    images = pictures.photos(8192)
    split = Split(images, torch.zeros(len(images), dtype=torch.int64), ("any",))
    return Data.of({"train": split}, Images.of(images, RECIPE), torch.device(options["device"]))


def characters(options: Options, split: str = "train") -> Data:
    images, labels = pictures.characters(options["classes"])
    drawn = Split(images, labels, tuple(map(str, range(options["classes"]))))
    modality = Images.of(images, Augmentation())
    return Data.of({"train": drawn, split: drawn}, modality, torch.device(options["device"]))


def backbone(options: Options, data: Data) -> nn.Module:
    name, shape = options["network"], data.modality.shape
    if name == "resnet18":
        return resnet18(ResNetConfig(stem="small"), shape)
    return Conv4(Conv4Config(variant="stride" if name == "conv4 stride" else "pool"), shape)


def sgd(options: Options) -> Budget:
    return Budget(steps=options["steps"], optimizer="sgd", lr=0.06, weight_decay=5e-4, precision=options["precision"])


def adam(options: Options) -> Budget:
    return Budget(steps=options["steps"], optimizer="adam", lr=1e-3, precision=options["precision"])


def training(method: Method, data: Data, budget: Budget, units: int) -> Work:
    """The harness's own loop, `units` a step."""
    method.to(data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    source = Source(data, budget.batch_size, seed=0)

    def run() -> int:
        return units * train(method, source, budget, NOWHERE, lambda *_: None, every=NEVER).steps

    return Work(run, method)


def simclr(options: Options) -> Work:
    data = photos(options)
    method = SimCLR(backbone(options, data), SimCLRConfig(), data)
    return training(method, data, sgd(options), units=128)


def moco(options: Options) -> Work:
    data = photos(options)
    method = MoCo(backbone(options, data), MoCoConfig(bn_splits=1), data)
    return training(method, data, sgd(options), units=128)


def limit(options: Options) -> Work:
    """The same model, loss and optimizer on tensors that are ready: no data, augmentation, logging or schedule."""
    data = photos(options)
    method = SimCLR(backbone(options, data), SimCLRConfig(), data).to(data.device)
    method.to(memory_format=torch.channels_last)
    method.train()
    views = torch.randn(2, 128, 3, 32, 32, device=data.device)
    flat = views.flatten(0, 1).to(memory_format=torch.channels_last)
    views = flat.unflatten(0, (2, 128))
    optimizer = make_optimizer(method, sgd(options))

    def run() -> int:
        for _ in range(options["steps"]):
            with torch.autocast(options["device"], torch.bfloat16, enabled=options["precision"] == "bf16"):
                loss = method.loss(views)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return 128 * options["steps"]

    return Work(run, method)


def maml(options: Options) -> Work:
    data = characters(options)
    known = {each.name for each in fields(MAMLConfig)}
    chosen: dict[str, Any] = {"engine": options["engine"]} if "engine" in known else {}
    if not chosen and options["engine"] != "learn2learn":
        raise SystemExit(f"maml has no engine '{options['engine']}'")
    config = MAMLConfig(ways=5, shots=1, queries=15, tasks=4, inner_lr=0.4, batch_norm="transductive", **chosen)
    return training(MAML(backbone(options, data), config, data), data, adam(options), units=4)


def plain(body: nn.Module, classes: int) -> nn.Module:
    """With a linear head, and batch norms that take the statistics of a batch and keep none."""
    for norm in body.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
            norm.num_batches_tracked = None
    return nn.Sequential(body, nn.Linear(cast(Backbone, body).feature_dim, classes))


def maml_limit(options: Options) -> Work:
    """The plain second-order step on tasks that are ready: a thread for each task, torch's batch norm of whole batches.
    Nothing is drawn, tracked or logged."""
    data = characters(options)
    network = plain(backbone(options, data), 5).to(data.device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    support, query = (torch.randn(4, 5 * each, *data.modality.shape, device=data.device) for each in (1, 15))
    labels, targets = (torch.arange(5, device=data.device).repeat(each) for each in (1, 15))
    pool = ThreadPoolExecutor(options["threads"], initializer=torch.set_num_threads, initargs=(1,))
    own = threading.local()

    def slopes(task: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        own.network = getattr(own, "network", None) or copy.deepcopy(network)
        weights = {name: weight.detach().requires_grad_() for name, weight in network.named_parameters()}
        first, second = (images.to(memory_format=torch.channels_last) for images in task)
        loss = nn.functional.cross_entropy(functional_call(own.network, weights, (first,)), labels)
        found = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        moved = {name: weights[name] - 0.4 * slope for name, slope in zip(weights, found, strict=True)}
        loss = nn.functional.cross_entropy(functional_call(own.network, moved, (second,)), targets)
        return torch.autograd.grad(loss, list(weights.values()))

    def run() -> int:
        for _ in range(options["steps"]):
            found = list(pool.map(slopes, list(zip(support, query, strict=True))))
            for weight, *parts in zip(network.parameters(), *found, strict=True):
                weight.grad = torch.stack(parts).mean(0)
            optimizer.step()
        return 4 * int(options["steps"])

    return Work(run, network)


def adaptation(options: Options) -> Work:
    """The evaluator's episodes, each learned by MAML's gradient steps."""
    data = characters(options, "novel")
    chosen = {name: options[name] for name in ("ways", "shots", "queries", "episodes")}
    trained = Trained(_maml_for_tests(options, data), data)

    def run() -> int:
        return FewShot(FewShotConfig(**chosen)).evaluate(trained)["accuracy"].n

    return Work(run, trained.method)


def adaptation_limit(options: Options) -> Work:
    """As many passes of the plain network on tensors that are ready: forward and backward of the support set for each
    step, and forward of support set and queries. No weight moves."""
    data = characters(options, "novel")
    method = _maml_for_tests(options, data)
    network = method.network.train()
    shots, everyone = (options["ways"] * each for each in (options["shots"], options["shots"] + options["queries"]))
    images = torch.randn(everyone, *data.modality.shape, device=data.device).to(memory_format=torch.channels_last)
    labels = torch.arange(options["ways"], device=data.device).repeat(options["shots"])

    def run() -> int:
        for _ in range(options["episodes"]):
            for _ in range(method.config.test_steps):
                loss = nn.functional.cross_entropy(network(images[:shots]), labels)
                torch.autograd.grad(loss, list(network.parameters()))
            with torch.no_grad():
                network(images)
        return int(options["episodes"])

    return Work(run, method)


def _maml_for_tests(options: Options, data: Data) -> MAML:
    method = MAML(backbone(options, data), MAMLConfig(ways=options["ways"], inner_lr=0.1), data)
    return method.to(data.device).to(memory_format=torch.channels_last).eval()


def protonet(options: Options) -> Work:
    data = characters(options)
    config = ProtoNetConfig(ways=options["ways"], shots=options["shots"], queries=options["queries"])
    return training(ProtoNet(backbone(options, data), config, data), data, adam(options), units=1)


def episode_indices(options: Options) -> Work:
    return episodes(options, gathered=False)


def episode_images(options: Options) -> Work:
    return episodes(options, gathered=True)


def episodes(options: Options, gathered: bool) -> Work:
    """Episodes drawn in one call, and gathered some at a time, as an evaluator does."""
    data, generator = characters(options), torch.Generator().manual_seed(0)
    by_class, number = data.train.by_class, options["episodes"]

    def images() -> EpisodeBatch:
        drawn = draw_episodes(
            by_class, options["ways"], options["shots"], options["queries"], options["at_once"], generator
        )
        return gather_episodes(data, data.train.samples, drawn)

    def run() -> int:
        if gathered:
            for _ in range(number // options["at_once"]):
                images()
            return int(number // options["at_once"] * options["at_once"])
        draw_episodes(by_class, options["ways"], options["shots"], options["queries"], number, generator)
        return int(number)

    return Work(run)


def evaluation_first(options: Options) -> Work:
    return evaluation(options, cached=False)


def evaluation_further(options: Options) -> Work:
    return evaluation(options, cached=True)


def evaluation(options: Options, cached: bool) -> Work:
    """The few-shot evaluator on a frozen encoder; `cached`: another setting has already needed the features."""
    data = characters(options, "novel")
    method = ProtoNet(backbone(options, data), ProtoNetConfig(), data).to(data.device)
    method.to(memory_format=torch.channels_last)
    config = FewShotConfig(
        ways=options["ways"], shots=options["shots"], queries=options["queries"], episodes=options["our_episodes"]
    )
    trained = Trained(method, data)

    def run() -> int:
        FewShot(config).evaluate(trained if cached else Trained(method, data))
        return int(options["our_episodes"])

    return Work(run, method)


def augmentation(options: Options) -> Work:
    images = pictures.photos(options["images"]).to(options["device"])
    generator = torch.Generator(options["device"]).manual_seed(0)

    def run() -> int:
        for batch in images.split(256):
            augment(batch.float() / 255, RECIPE, generator)
        return len(images)

    return Work(run)


WORKS = [simclr, moco, limit, maml, protonet, episode_indices, episode_images, evaluation_first, evaluation_further]
WORKS += [augmentation, maml_limit, adaptation, adaptation_limit]

if __name__ == "__main__":
    keep_freed_memory()  # as a cell does
    serve({work.__name__: work for work in WORKS}, ["rep-harness"])
