"""Baseline and Baseline++: supervised training, then a new classifier for each task."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from harness_evaluators import HeadConfig
from harness_evaluators.fewshot_head import logits, trained
from harness_supervised.method import Supervised
from torch import Tensor, nn

from harness import Backbone, Classifier, Data
from harness_fewshot import BaselineConfig, BaselinePPConfig


class Baseline(Supervised):
    """A linear classifier of the training classes on the backbone; a task is learned by a new one on its frozen
    features (Chen et al. 2019, arXiv:1904.04232, section 3.2)."""

    config: BaselineConfig
    cosine = False

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): as the evaluator `fewshot_head`, the heads of all episodes at once."""
        head = HeadConfig(ways=ways, steps=self.config.head_steps, lr=self.config.head_lr)
        weights, bias = trained(support, labels, head, cosine=self.cosine)
        return lambda query: logits(query, weights, bias, cosine=self.cosine)


class BaselinePP(Baseline):
    """Baseline++: classifiers by the cosine to a weight vector for each class, which reduces how features of one class
    differ (section 3.2)."""

    config: BaselinePPConfig
    cosine = True

    def __init__(self, backbone: nn.Module, config: BaselinePPConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        width = cast(Backbone, backbone).feature_dim
        self.classifier = CosineClassifier(width, len(data.train.classes), config.scale)


class CosineClassifier(nn.Module):
    """Features (N, D) -> `scale` times their cosines to a weight for each class, (N, classes)."""

    def __init__(self, width: int, classes: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, width).uniform_(-(width**-0.5), width**-0.5))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(features, dim=1), F.normalize(self.weight, dim=1))
