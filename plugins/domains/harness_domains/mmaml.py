"""MMAML: MAML from an initialisation that depends on the task."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from harness_maml.functional import InnerLoop, Weights
from harness_maml.learner import MetaLearner
from harness_maml.norm import PLAIN, channels_last, require_plain_norms, use_task_statistics
from harness_maml.tasks import mean_loss
from torch import Tensor, nn

from harness import Backbone, Classifier, Data, EpisodeBatch, Episodes, UsageError
from harness_domains import MMAMLConfig


class MMAML(MetaLearner):
    """A task encoder makes of the support set a scale and a shift for each channel after each batch norm (FiLM); then
    MAML's inner loop goes on from there. Both are trained by the queries (Vuorio et al. 2019, algorithm 1)."""

    name = "mmaml"
    config: MMAMLConfig
    adapts_on: ClassVar[Literal["features", "inputs"]] = "inputs"

    def __init__(self, backbone: nn.Module, config: MMAMLConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        require_plain_norms(backbone)
        self.batches = Episodes(config.ways, config.shots, config.queries, config.tasks, within=config.within)
        modules = self.network.named_modules()
        self.norms = {name: module.num_features for name, module in modules if type(module) in PLAIN and module.affine}
        if not self.norms:
            raise UsageError(
                "mmaml modulates what follows a batch norm with scale and shift, and the backbone has none."
            )
        self.encoder = copy.deepcopy(backbone)
        use_task_statistics(self.encoder, None)
        last = nn.Linear(config.hidden, 2 * sum(self.norms.values()))
        nn.init.zeros_(last.weight)  # a new method modulates nothing: it begins as MAML
        nn.init.zeros_(last.bias)
        width = cast(Backbone, backbone).feature_dim
        self.modulator = nn.Sequential(nn.Linear(width, config.hidden), nn.ReLU(), last)
        self.inner_loop = lru_cache(maxsize=4)(self._inner_loop)

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean over the tasks of the queries' cross-entropy after modulation and adaptation, and their accuracy."""
        with torch.no_grad():
            self.backbone(channels_last(batch.support.flatten(0, 1)))  # running statistics, which `encode` needs
        config, inner = self.config, self.inner_loop(self.config.ways, batch.support.shape[1], self.training)

        def task(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
            weights = self.learn(inner, support, labels, config.inner_steps, not config.first_order)
            return inner.classify(weights, support, query)

        return mean_loss(task, list(self.parameters()), batch, self.network)

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, C, H, W): each episode is modulated and takes `test_steps` gradient steps."""
        inner = self.inner_loop(ways, support.shape[1], self.training)
        tasks = [(channels_last(own), known) for own, known in zip(support, labels, strict=True)]
        with torch.enable_grad():
            learned = [self.learn(inner, *task, self.config.test_steps, False) for task in tasks]

        @torch.no_grad()
        def classify(query: Tensor) -> Tensor:
            parts = zip(learned, tasks, query, strict=True)
            return torch.stack([inner.classify(weights, own, channels_last(each)) for weights, (own, _), each in parts])

        return classify

    def learn(self, inner: InnerLoop, support: Tensor, labels: Tensor, steps: int, second_order: bool) -> Weights:
        """The weights of a task, modulated, after `steps` gradient steps on its support set (S, ...). The steps change
        the weights; the modulation stays as the encoder made it."""
        film = self.modulation(support)
        weights: Weights = dict(self.network.named_parameters())
        for _ in range(steps):
            loss = F.cross_entropy(inner.logits(self.modulated(weights, film), support), labels)
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=second_order, retain_graph=True)
            pairs = zip(weights.items(), slopes, strict=True)
            weights = {name: weight - self.config.inner_lr * slope for (name, weight), slope in pairs}
        return self.modulated(weights, film)

    def modulation(self, support: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Of each batch norm, scale and shift (channels,) for the task of a support set (S, ...)."""
        embedding = self.encoder(support).mean(0)
        parts = self.modulator(embedding).split([width for width in self.norms.values() for _ in range(2)])
        return {name: (1 + parts[2 * i], parts[2 * i + 1]) for i, name in enumerate(self.norms)}

    def modulated(self, weights: Weights, film: dict[str, tuple[Tensor, Tensor]]) -> Weights:
        """FiLM after a batch norm is that norm with another weight and bias: g (w x + b) + s = (g w) x + (g b + s)."""
        changed = {}
        for name, (scale, shift) in film.items():
            changed[f"{name}.weight"] = scale * weights[f"{name}.weight"]
            changed[f"{name}.bias"] = scale * weights[f"{name}.bias"] + shift
        return {**weights, **changed}

    @property
    def network(self) -> nn.Module:
        return nn.Sequential(self.backbone, self.head)

    def _inner_loop(self, ways: int, support_size: int, training: bool) -> InnerLoop:
        return InnerLoop(self.network.train(training), self.config.inner_lr, ways, support_size)
