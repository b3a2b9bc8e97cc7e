"""lightly, as its tutorials and examples put its parts together: PIL images, its transforms, its heads, its losses.
And as an experienced user speeds it up: channels_last, and torchvision's transforms of whole batches of tensors."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pictures
import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import batch_shuffle, batch_unshuffle, deactivate_requires_grad, update_momentum
from lightly.transforms import SimCLRTransform
from lightly.transforms.simclr_transform import SimCLRViewTransform
from lightly.transforms.utils import IMAGENET_NORMALIZE
from networks import Pictures, autocast, backbone, forever, loader, sgd
from torch import Tensor, nn
from torchvision.transforms import v2
from worker import Options, Work, serve

RECIPE = {"input_size": 32, "cj_strength": 0.5, "gaussian_blur": 0.0}
Views = Iterator[tuple[Tensor, Tensor]]


def views(options: Options) -> Views:
    """Two views of 128 images each: of tensors that lie on the device ("batched"), or of PIL images by a loader."""
    return batched(options["device"]) if options.get("batched") else loaded(options)


def loaded(options: Options) -> Views:
    dataset = LightlyDataset.from_torch_dataset(Pictures(pictures.photos(8192)), transform=SimCLRTransform(**RECIPE))
    for (first, second), *_ in forever(loader(dataset, options, batch_size=128, shuffle=True, drop_last=True)):
        yield first.to(options["device"]), second.to(options["device"])


def batched(device: str) -> Views:
    """The parameters of a change are drawn once for a batch, not for each image: that is how v2 treats a batch."""
    images = pictures.photos(8192).to(device)
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(32, scale=(0.08, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),  # lightly's .8, .8, .8, .2, at strength .5
            v2.RandomGrayscale(0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_NORMALIZE["mean"], IMAGENET_NORMALIZE["std"]),
        ]
    )
    while True:
        for chosen in torch.randperm(len(images), device=device).split(128):
            batch = images[chosen]
            yield tuple(transform(batch).to(memory_format=torch.channels_last) for _ in range(2))


def layout(options: Options) -> torch.memory_format:
    return torch.channels_last if options.get("batched") else torch.contiguous_format


def simclr(options: Options) -> Work:
    device = options["device"]
    body, features = backbone(options["network"], 3, 32)
    network = nn.Sequential(body, SimCLRProjectionHead(features, features, 128)).to(device)
    network.to(memory_format=layout(options))
    criterion, optimizer = NTXentLoss(temperature=0.5), sgd(network)
    stream = views(options)

    def run() -> int:
        for _ in range(options["steps"]):
            first, second = next(stream)
            with autocast(options):
                loss = criterion(network(first), network(second))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return 128 * options["steps"]

    return Work(run, network)


def moco(options: Options) -> Work:
    device = options["device"]
    body, features = backbone(options["network"], 3, 32)
    network = nn.Sequential(body, MoCoProjectionHead(features, features, 128)).to(device)
    network.to(memory_format=layout(options))
    keys = copy.deepcopy(network)
    deactivate_requires_grad(keys)
    criterion, optimizer = NTXentLoss(temperature=0.2, memory_bank_size=(4096, 128)), sgd(network)
    stream = views(options)  # the same work as the others

    def run() -> int:
        for _ in range(options["steps"]):
            first, second = next(stream)
            update_momentum(network, keys, m=0.99)
            with autocast(options):
                query = network(first)
                with torch.no_grad():
                    shuffled, order = batch_shuffle(second)
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
