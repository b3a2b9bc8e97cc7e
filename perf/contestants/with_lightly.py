"""lightly, as its tutorials and examples put its parts together: PIL images, its transforms, its heads, its losses."""

from __future__ import annotations

import copy
from typing import Any

import pictures
import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import batch_shuffle, batch_unshuffle, deactivate_requires_grad, update_momentum
from lightly.transforms import SimCLRTransform
from lightly.transforms.simclr_transform import SimCLRViewTransform
from networks import Pictures, autocast, backbone, forever, loader, sgd
from torch import nn
from worker import Options, Work, serve

RECIPE = {"input_size": 32, "cj_strength": 0.5, "gaussian_blur": 0.0}


def batches(transform: Any, options: Options) -> Any:
    dataset = LightlyDataset.from_torch_dataset(Pictures(pictures.photos(8192)), transform=transform)
    return forever(loader(dataset, options, batch_size=128, shuffle=True, drop_last=True))


def simclr(options: Options) -> Work:
    device = options["device"]
    body, features = backbone(options["network"], 3, 32)
    network = nn.Sequential(body, SimCLRProjectionHead(features, features, 128)).to(device)
    criterion, optimizer = NTXentLoss(temperature=0.5), sgd(network)
    stream = batches(SimCLRTransform(**RECIPE), options)

    def run() -> int:
        for _ in range(options["steps"]):
            (first, second), *_ = next(stream)
            with autocast(options):
                loss = criterion(network(first.to(device)), network(second.to(device)))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return 128 * options["steps"]

    return Work(run, network)


def moco(options: Options) -> Work:
    device = options["device"]
    body, features = backbone(options["network"], 3, 32)
    network = nn.Sequential(body, MoCoProjectionHead(features, features, 128)).to(device)
    keys = copy.deepcopy(network)
    deactivate_requires_grad(keys)
    criterion, optimizer = NTXentLoss(temperature=0.2, memory_bank_size=(4096, 128)), sgd(network)
    stream = batches(SimCLRTransform(**RECIPE), options)  # the same work as the others

    def run() -> int:
        for _ in range(options["steps"]):
            (first, second), *_ = next(stream)
            update_momentum(network, keys, m=0.99)
            with autocast(options):
                query = network(first.to(device))
                with torch.no_grad():
                    shuffled, order = batch_shuffle(second.to(device))
                    key = batch_unshuffle(keys(shuffled), order)
                loss = criterion(query, key)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return 128 * options["steps"]

    return Work(run, network)


def augmentation(options: Options) -> Work:
    images = Pictures(pictures.photos(options["images"])).images
    transform = SimCLRViewTransform(**RECIPE, normalize=None)

    def run() -> int:
        for start in range(0, len(images), 256):
            torch.stack([transform(image) for image in images[start : start + 256]]).to(options["device"])
        return len(images)

    return Work(run)


if __name__ == "__main__":
    serve({"simclr": simclr, "moco": moco, "augmentation": augmentation}, ["lightly", "torchvision"])
