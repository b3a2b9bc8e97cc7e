"""Relation Networks: a learned measure of how a query and a class relate."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Classifier, Data, class_means
from harness_fewshot import RelationConfig
from harness_fewshot.episodic import Episodic


class RelationNetworks(Episodic):
    """A small network sees a class and a query side by side and gives a score between 0 and 1, which is regressed to
    whether they belong together (Sung et al. 2018, arXiv:1711.06025, eqs. 1 and 2)."""

    config: RelationConfig

    def __init__(self, backbone: nn.Module, config: RelationConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        width = cast(Backbone, backbone).feature_dim
        first, last = nn.Linear(2 * width, config.hidden_dim, bias=False), nn.Linear(config.hidden_dim, 1)
        self.relation = nn.Sequential(first, nn.BatchNorm1d(config.hidden_dim), nn.ReLU(), last, nn.Sigmoid())

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): the scores of each query with each class."""
        classes = class_means(support, labels, ways)

        def classify(query: Tensor) -> Tensor:
            shape = (*query.shape[:2], *classes.shape[1:])  # (E, Q, ways, D)
            pairs = torch.cat([classes[:, None].expand(shape), query[:, :, None].expand(shape)], -1)
            return self.relation(pairs.flatten(0, 2)).view(shape[:3])

        return classify

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(logits, F.one_hot(targets, logits.shape[1]).to(logits.dtype))
