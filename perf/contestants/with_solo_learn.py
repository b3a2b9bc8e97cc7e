"""solo-learn's transforms and loss. Its trainer needs versions of lightning that no longer install beside this torch,
and importing the package imports the trainer, so the two modules are imported without what surrounds them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def bare(*names: str) -> None:
    """Let `names`, packages of solo-learn, be imported without running their `__init__`."""
    specification = find_spec("solo")
    assert specification
    assert specification.submodule_search_locations
    root = Path(specification.submodule_search_locations[0])
    for name in names:
        sys.modules[name] = module = ModuleType(name)
        module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]


bare("solo", "solo.losses", "solo.utils")

import pictures  # noqa: E402 (after `bare`)
from networks import Pictures, autocast, backbone, forever, loader, sgd  # noqa: E402
from solo.losses.simclr import simclr_loss_func  # noqa: E402
from solo.utils.pretrain_dataloader import CifarTransform, NCropAugmentation  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402
from worker import Options, Work, serve  # noqa: E402


class Crops(Dataset):  # type: ignore[type-arg]  # torch's generic class has no use here
    """Two crops of each picture."""

    def __init__(self) -> None:
        self.pictures = Pictures(pictures.photos(8192))
        self.augment = NCropAugmentation(CifarTransform(0.4, 0.4, 0.4, 0.1, gaussian_prob=0.0), 2)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> object:
        return self.augment(self.pictures[index][0])


def simclr(options: Options) -> Work:
    device = options["device"]
    body, features = backbone(options["network"], 3, 32)
    projector = nn.Sequential(
        nn.Linear(features, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(),
        nn.Linear(features, 128, bias=False),
        nn.BatchNorm1d(128),
    )
    network = nn.Sequential(body, projector).to(device)
    optimizer = sgd(network)
    stream = forever(loader(Crops(), options, batch_size=128, shuffle=True, drop_last=True))

    def run() -> int:
        for _ in range(options["steps"]):
            first, second = next(stream)
            with autocast(options):
                loss = simclr_loss_func(network(first.to(device)), network(second.to(device)), temperature=0.5)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return 128 * options["steps"]

    return Work(run, network)


if __name__ == "__main__":
    serve({"simclr": simclr}, ["solo-learn", "torchvision"])
