"""Fine-tuning: all weights of a copy of the encoder learn from few labels or many (Chen et al. 2020,
arXiv:2002.05709)."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, Evaluator, Method, Metric, Split, Trained, UsageError, unwrapped
from harness_evaluators import FinetuneConfig
from harness_evaluators.scores import accuracies
from harness_evaluators.splits import require_same_classes
from harness_evaluators.supervision import batches, falling, inputs_of, quality

FOLDS = 5  # of the labelled samples of a class, one is held out


class Network(nn.Module):
    """A copy of an encoder, and a linear layer on its features, whose weights are zero."""

    def __init__(self, method: Method, inputs: Tensor, classes: int) -> None:
        super().__init__()
        self.encoder = unwrapped(copy.deepcopy(method)).requires_grad_(True).eval()
        with torch.no_grad():
            dims = self.encoder.encode(inputs).shape[1]
        self.head = nn.Linear(dims, classes, device=inputs.device)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.encoder.encode(inputs).float())

    def learning(self, inputs: Tensor) -> list[nn.Parameter]:
        """The encoder's weights that features depend on, in the order of their registration."""
        weights, features = list(self.encoder.parameters()), self.encoder.encode(inputs)
        if not features.requires_grad:
            return []
        gradients = torch.autograd.grad(features.sum(), weights, allow_unused=True)
        return [weight for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None]


class Finetune(Evaluator):
    """Accuracy after fine-tuning by SGD with Nesterov's momentum, on random crops and flips; of all epochs the one
    that is best on held-out samples of those whose labels are given."""

    config: FinetuneConfig

    def check(self, method: Method, data: Data) -> None:
        config = self.config
        require_same_classes(data, config.reference, config.test)
        split = data.split(config.reference)
        learning, held = divided(split, config.fraction, config.seed)
        if len(learning) < 2 or not len(held):
            number, share = len(learning) + len(held), 100 * config.fraction
            raise UsageError(
                f"{share:g} % of the split '{config.reference}' are {number} samples of {len(split.classes)} classes: "
                "too few to train on and to hold samples out."
            )
        inputs = next(inputs_of(data, split, learning[:2]))
        with torch.random.fork_rng(devices_of(data)), torch.enable_grad():
            if not Network(method, inputs, len(split.classes)).learning(inputs):
                raise UsageError("no weight of the encoder can be fine-tuned: its features have no gradient.")

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        config, data = self.config, trained.data
        reference, test = data.split(config.reference), data.split(config.test)
        learning, held = divided(reference, config.fraction, config.seed)
        with torch.random.fork_rng(devices_of(data)):  # dropout draws from torch's own generator
            torch.manual_seed(config.seed)
            network, epoch = self.trained(trained.method, data, learning, held)
        logits = logits_of(network, data, test, torch.arange(len(test)))
        if not logits.isfinite().all():
            raise FloatingPointError("the logits of the fine-tuned network are not finite: its learning rate is high")
        return accuracies(logits.argmax(1), test, details={"epoch": epoch, "labels": len(learning) + len(held)})

    def trained(self, method: Method, data: Data, learning: Tensor, held: Tensor) -> tuple[Network, int]:
        """A network that learned from samples of the reference split, as it was after the epoch that is best on those
        which are held out; and that epoch, from 1 on. It ends when `patience` epochs were no better."""
        config, split = self.config, data.split(self.config.reference)
        some = next(inputs_of(data, split, learning[:2]))
        network = Network(method, some, len(split.classes))
        labels = split.labels[held.to(split.labels.device)]
        with torch.enable_grad():
            groups = rates(network.learning(some), network.head, config.lr, config.layer_decay)
        optimizer = torch.optim.SGD(groups, momentum=0.9, nesterov=True)
        best, chosen, epoch = (-2.0, 0.0), dict[str, Any](), 0
        for batch in batches(data, split, learning, config.batch_size, config.epochs, config.seed):
            for group in optimizer.param_groups:
                group["lr"] = falling(batch) * group["highest"]
            network.train()
            with torch.enable_grad():
                loss = F.cross_entropy(network(batch.inputs), batch.labels)
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
            now, rest = divmod(batch.step + 1, batch.steps // config.epochs)
            if rest:
                continue
            found = quality(logits_of(network, data, split, held), labels)
            if found > best:
                best, chosen, epoch = found, copy.deepcopy(network.state_dict()), now
            if now - epoch >= config.patience:
                break
        network.load_state_dict(chosen)
        return network.eval(), epoch


def divided(split: Split, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """The samples whose labels are given, those to learn from and those held out: as many of each class, as far as it
    has them, or all of a fraction of 1. They depend on nothing but split, fraction and seed; a smaller fraction is part
    of a larger one. Of each class a fifth is held out, and at least one of two."""
    draw, learning, held = torch.Generator().manual_seed(seed), list[Tensor](), list[Tensor]()
    number = len(split) if fraction == 1 else max(1, round(fraction * len(split) / len(split.classes)))
    for members in split.by_class:
        given = members[torch.randperm(len(members), generator=draw)][:number]
        out = max(len(given) // FOLDS, 1) if len(given) > 1 else 0
        held.append(given[:out])
        learning.append(given[out:])
    return torch.cat(learning), torch.cat(held)


def rates(weights: list[nn.Parameter], head: nn.Module, lr: float, decay: float) -> list[dict[str, Any]]:
    """Groups of weights with their rates: `lr` for the head, and for each layer below `decay` times that of the layer
    above (Clark et al. 2020, arXiv:2003.10555). A layer is a matrix or kernel, with the biases and norms that were
    registered after it."""
    layers = list[list[nn.Parameter]]()
    for weight in weights:
        if weight.ndim > 1 or not layers:
            layers.append([])
        layers[-1].append(weight)
    layers.append(list(head.parameters()))
    return [
        {"params": layer, "lr": lr, "highest": lr * decay**above}
        for layer, above in zip(layers, reversed(range(len(layers))), strict=True)
    ]


@torch.no_grad()
def logits_of(network: Network, data: Data, split: Split, members: Tensor) -> Tensor:
    """(n, classes) of the samples `members` (n,), in eval mode."""
    network.eval()
    return torch.cat([network(inputs) for inputs in inputs_of(data, split, members)])


def devices_of(data: Data) -> list[torch.device]:
    """Those whose generators are used beside the CPU's."""
    return [data.device] if data.device.type == "cuda" else []
