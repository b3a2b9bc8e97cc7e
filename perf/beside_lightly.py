"""BYOL, Barlow Twins and SwAV beside the same three of lightly's parts

- **Exact**: with equal weights and equal crops, in float64, our loss and its gradients beside lightly's.
- **Trained**: for each seed, our method (`harness.learning.training.train`) and lightly's parts in the loop of its
  documentation start from the same weights of the backbone, and take the same steps on the same crops with Adam at the
  same constant rate. Heads start as either library has them. The same evaluators score the encoders.

Both run in this process, so that crops can be the same objects. lightly is imported from the environment that
`perf/environment.py` makes, which has our Python, torch and torchvision.

    uv run python perf/beside_lightly.py --data data/cifar10-10000.npz
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import numpy as np
import torch
from environment import peers_python
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from harness_evaluators import KNNConfig, LinearConfig
from harness_evaluators.knn import KNN
from harness_evaluators.linear import Linear
from harness_joint import BarlowTwinsConfig, BYOLConfig, SwAVConfig
from harness_joint.barlow import BarlowTwins
from harness_joint.byol import BYOL
from harness_joint.crops import CropBatch
from harness_joint.parts import follow
from harness_joint.swav import SwAV
from harness_untrained.method import Untrained
from machine import describe
from torch import Tensor, nn

from harness import Augmentation, Data, Images, Method, Split, Trained
from harness.learning.data.batches import Source
from harness.learning.training import train
from harness.suite.budget import Budget

if TYPE_CHECKING:
    from lightly_methods import Theirs

HERE = Path(__file__).parent
RESULT = HERE / "results" / "beside-lightly.json"
RECIPE = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)


@dataclass(frozen=True)
class Pair:
    """Our loss is `scale` times lightly's and `offset` more. `steep`: by what the last layer's weights are multiplied
    for the exact comparison."""

    ours: type[Method]
    config: Any
    rate: float
    scale: float = 1.0
    offset: float = 0.0
    steep: float = 1.0


PAIRS = {
    # eq. 2 of the paper is 2 - 2 cos, in both directions; lightly has -cos, and the mean of both
    "byol": Pair(BYOL, BYOLConfig(hidden_dim=512), 1e-3, scale=4.0, offset=4.0),
    # lightly adds 1e-5 to variances, which then no longer counts; a correlation has no scale
    "barlow_twins": Pair(BarlowTwins, BarlowTwinsConfig(projection_dim=512), 1e-3, steep=1e5),
    "swav": Pair(
        SwAV, SwAVConfig(hidden_dim=512, prototypes=128, entropy=0.03, small_crops=2, small_area=(0.1, 0.3)), 3e-3
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as arrays: train_images, train_labels, ...")
    parser.add_argument("--pictures", type=int, default=2000, help="of each split, the first so many")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--peers-python", type=Path, help="interpreter with lightly  [default: an environment made here]"
    )
    parser.add_argument("--result", type=Path, default=RESULT, help="the JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    import_from(arguments.peers_python or peers_python())
    data = pictures(arguments.data, arguments.pictures)
    result = {
        "machine": describe(),
        "versions": {name: version(name) for name in ("lightly", "torch")},
        **{name: getattr(arguments, name) for name in ("pictures", "steps", "batch", "seeds")},
        "exact": {name: exact(name, data) for name in PAIRS},
        "trained": [],
    }
    print(json.dumps(result["exact"], indent=1), flush=True)
    for seed in range(arguments.seeds):
        for name in ("untrained", *PAIRS):
            row = {"method": name, "seed": seed, **trained(name, seed, data, arguments)}
            print(row, flush=True)
            result["trained"].append(row)
            arguments.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def import_from(python: Path) -> None:
    """Let this process import lightly from that interpreter's packages; ours are found first."""
    (packages,) = (python.parent.parent / "lib").glob("python*/site-packages")
    sys.path += [str(packages), str(HERE / "contestants")]


def pictures(path: Path, number: int) -> Data:
    arrays = np.load(path)

    def split(name: str) -> Split:
        images = torch.from_numpy(arrays[f"{name}_images"][:number]).permute(0, 3, 1, 2).contiguous()
        labels = torch.from_numpy(arrays[f"{name}_labels"][:number]).long()
        return Split(images, labels, tuple(map(str, range(10))))

    train = split("train")
    splits = {"train": train, "test": split("test")}
    return Data.of(splits, Images.of(cast(Tensor, train.samples), RECIPE), torch.device("cpu"))


def backbone(data: Data) -> Conv4:
    return Conv4(Conv4Config(variant="stride"), data.modality.shape)


def both(name: str, data: Data, seed: int) -> tuple[Method, Theirs]:
    """Our method and lightly's, with equal weights of the backbone and heads of their own."""
    import lightly_methods

    torch.manual_seed(seed)
    network, pair = backbone(data), PAIRS[name]
    ours = pair.ours(copy.deepcopy(network), pair.config, data)
    return ours, getattr(lightly_methods, pair.ours.__name__)(network, network.feature_dim, pair.config)


# -- with equal weights


def exact(name: str, data: Data) -> dict[str, float]:
    """Relative differences of loss and gradients, and of BYOL's target after a step, in float64."""
    pair = PAIRS[name]
    ours, theirs = both(name, data, 0)
    ours.double().train()
    cast(nn.Module, theirs).double().train()
    batches = ours.batches
    assert batches is not None
    crops = batches.draw(Source(data, 64, seed=0), 0)
    crops = CropBatch(*(each.double() for each in crops)) if isinstance(crops, CropBatch) else crops.double()
    weights = equal_weights(ours, theirs, pair.steep)
    with in_float64():
        loss = ours.loss(crops)
        mine = loss["loss"] if isinstance(loss, dict) else loss
        other = pair.scale * joint_loss(theirs, crops) + pair.offset
    slopes = torch.autograd.grad(mine, [own for own, _ in weights])
    others = torch.autograd.grad(other, [its for _, its in weights])
    assert all(bool(slope.any()) for slope in slopes)
    found = {
        "loss": float(mine.detach()),
        "difference": relative(mine.detach(), other.detach()),
        "of gradients": max(map(relative, slopes, others)),
    }
    if isinstance(ours, BYOL):
        follow(ours.target.parameters(), [*ours.backbone.parameters(), *ours.projector.parameters()], 0.9)
        cast(Any, theirs).follow(0.9)
        copies = cast(Any, theirs)
        moved = [*copies.backbone_momentum.parameters(), *copies.projection_head_momentum.parameters()]
        moved = [weight for weight in moved if weight.any() or weight.ndim > 1]
        found["of the target"] = max(map(relative, without_zeros(ours.target), moved))
    return found


def without_zeros(network: nn.Module) -> list[Tensor]:
    return [weight for weight in network.parameters() if weight.any() or weight.ndim > 1]


def relative(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def equal_weights(ours: Method, theirs: Any, steep: float) -> list[tuple[Tensor, Tensor]]:
    """Give lightly's modules our weights, where they have a bias and ours have none, zero. The target of BYOL gets
    others than the network that it follows. Pairs of weights that learn."""
    heads = [(cast(Any, ours).projector, theirs.projection_head)]
    heads[0][0][-1].weight.data.mul_(steep)
    if isinstance(ours, BYOL):
        heads.append((ours.predictor, theirs.prediction_head))
        for weight in ours.target.parameters():
            weight.data.add_(0.05 * torch.randn_like(weight))
        copied(ours.target[0], theirs.backbone_momentum)
        copied(ours.target[1], theirs.projection_head_momentum)
    pairs: list[tuple[Tensor, Tensor]] = list(
        zip(ours.backbone.parameters(), theirs.backbone.parameters(), strict=True)
    )
    for own, its in heads:
        pairs += copied(own, its)
    if isinstance(ours, SwAV):
        (layer,) = theirs.prototypes.heads
        layer.weight.data.copy_(ours.prototypes.data)
        layer.bias.data.zero_()
        pairs.append((ours.prototypes, layer.weight))
    return pairs


def copied(own: nn.Module, its: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Copy the weights of layers in order; the pairs of them."""
    pairs: list[tuple[Tensor, Tensor]] = []
    layers = [[each for each in network.modules() if not list(each.children())] for network in (own, its)]
    layers = [[each for each in found if list(each.parameters())] for found in layers]
    for mine, other in zip(*layers, strict=True):
        weights = dict(mine.named_parameters())
        for name, weight in other.named_parameters():
            weight.data.copy_(weights[name].data if name in weights else torch.zeros_like(weight))
        pairs += [(weight, other.get_parameter(name)) for name, weight in weights.items()]
    return pairs


def joint_loss(theirs: Any, crops: Any) -> Tensor:
    """lightly's loss, where crops of one size pass as one batch if they do so with us."""
    if isinstance(crops, CropBatch):
        loss: Tensor = theirs.joint_loss(list(crops.large), list(crops.small))
        return loss
    return cast(Tensor, theirs.loss(list(crops)))


@contextmanager
def in_float64() -> Iterator[None]:
    """Our losses go on in float32 otherwise."""
    with mock.patch.object(Tensor, "float", Tensor.double):
        yield


# -- trained


def trained(name: str, seed: int, data: Data, arguments: argparse.Namespace) -> dict[str, Any]:
    """Scores of both encoders after training from the same weights."""
    if name == "untrained":
        torch.manual_seed(seed)
        return {"ours": scores(backbone(data), data)}
    ours, theirs = both(name, data, seed)
    lightly = cast(nn.Module, theirs)
    for network in (ours, lightly):
        network.to(memory_format=torch.channels_last)
    source, rate = Source(data, arguments.batch, seed=seed), PAIRS[name].rate
    budget = Budget(steps=arguments.steps, batch_size=arguments.batch, optimizer="adam", lr=rate, schedule="constant")
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # a training of a minute leaves a checkpoint, from which none may go on
        train(ours, source, budget, Path(folder, "checkpoint"), lambda *_: None)

    lightly.train()
    optimizer = torch.optim.Adam([weight for weight in lightly.parameters() if weight.requires_grad], lr=rate)
    batches = ours.batches
    assert batches is not None
    for step in range(arguments.steps):
        crops = batches.draw(source, step)  # depend on seed and step alone
        theirs.before(step, arguments.steps)
        loss = theirs.loss([crop for size in crops for crop in size] if isinstance(crops, CropBatch) else list(crops))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return {"ours": scores(ours.backbone, data), "lightly": scores(theirs.backbone, data)}


def scores(network: nn.Module, data: Data) -> dict[str, float]:
    """Accuracies of our evaluators on the encoder."""
    encoder = Trained(Untrained(network, None, data).eval(), data)
    found = {"knn": KNN(KNNConfig()), "linear": Linear(LinearConfig())}
    return {name: float(evaluator.evaluate(encoder)["accuracy"].value) for name, evaluator in found.items()}


if __name__ == "__main__":
    main()
