"""Matching Networks: predictions are an attention-weighted sum of support labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Classifier
from harness_fewshot import MatchingConfig
from harness_fewshot.episodic import Episodic


class MatchingNetworks(Episodic):
    """The probability of a class is the attention that a query pays to its support samples, a softmax over cosines
    (Vinyals et al. 2016, arXiv:1606.04080, eq. 1), without full context embeddings."""

    config: MatchingConfig

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): the logarithms of the probabilities."""
        keys = self.config.scale * F.normalize(support, dim=-1)
        others = F.one_hot(labels, ways) == 0  # (E, S, ways)

        def classify(query: Tensor) -> Tensor:
            attention = (F.normalize(query, dim=-1) @ keys.mT).float().log_softmax(-1)  # (E, Q, S)
            return attention[..., None].masked_fill(others[:, None], -torch.inf).logsumexp(2)

        return classify
