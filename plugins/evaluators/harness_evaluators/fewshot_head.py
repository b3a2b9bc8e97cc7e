"""Few-shot classification by a head that is trained for each episode on frozen features: Baseline and Baseline++."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Classifier, EpisodeBatch, Method
from harness_evaluators import HeadConfig
from harness_evaluators.fewshot import EpisodesEvaluator

SCALE = 10.0  # of the cosines of Baseline++ before the softmax
MOMENTUM, DECAY = 0.9, 0.001  # of the authors' code


class FewShotHead(EpisodesEvaluator):
    """As `fewshot`, but whatever the method, each episode is learned by a new classifier on the encoder's features
    (Chen et al. 2019, arXiv:1904.04232). The heads of many episodes are trained at once."""

    config: HeadConfig

    def learned(self, method: Method, batch: EpisodeBatch) -> Classifier:  # noqa: ARG002 (the method has no part)
        cosine = self.config.head == "cosine"
        weights, bias = trained(batch.support, batch.support_labels, self.config, cosine=cosine)
        return lambda query: logits(query, weights, bias, cosine=cosine)


def logits(features: Tensor, weights: Tensor, bias: Tensor, *, cosine: bool) -> Tensor:
    """Features (E, N, D) and heads (E, ways, D), (E, 1, ways) -> (E, N, ways)."""
    if cosine:
        return SCALE * F.normalize(features, dim=-1) @ F.normalize(weights, dim=-1).mT
    return features @ weights.mT + bias


def trained(support: Tensor, labels: Tensor, config: HeadConfig, *, cosine: bool) -> tuple[Tensor, Tensor]:
    """The heads (E, ways, D) and (E, 1, ways) of E support sets (E, S, D). They begin at the same random weights, by
    the evaluator's seed, as torch's linear layers do; the sum over episodes has the gradient of each for its head."""
    episodes, _, width = support.shape
    generator = torch.Generator().manual_seed(config.seed)
    bound = width**-0.5
    first = torch.empty(config.ways, width).uniform_(-bound, bound, generator=generator).to(support)
    weights = first.expand(episodes, -1, -1).clone().requires_grad_()
    bias = support.new_zeros(episodes, 1, config.ways, requires_grad=True)
    descent = torch.optim.SGD([weights, bias], lr=config.lr, momentum=MOMENTUM, weight_decay=DECAY)
    with torch.enable_grad():
        for _ in range(config.steps):
            found = logits(support, weights, bias, cosine=cosine)
            loss = F.cross_entropy(found.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
            weights.grad, bias.grad = torch.autograd.grad(loss.mean(1).sum(), (weights, bias), allow_unused=True)
            descent.step()
    return weights.detach(), bias.detach()
