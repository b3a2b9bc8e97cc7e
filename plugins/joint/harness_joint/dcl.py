"""DCL and DCLW: decoupled contrastive learning."""

from __future__ import annotations

import torch
from harness_simclr.method import SimCLR
from torch import Tensor

from harness_joint import DCLConfig, DCLWConfig
from harness_joint.parts import other_views, similarities


class DCL(SimCLR):
    """SimCLR without the positive in the denominator (Yeh et al. 2022, arXiv:2110.06848)."""

    config: DCLConfig

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W). Both views pass as one batch."""
        positives, negatives = decoupled(self.projected(views), self.config.temperature)
        return (negatives - positives).mean()


class DCLW(DCL):
    """DCL with larger weights for dissimilar positives."""

    config: DCLWConfig

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W)."""
        positives, negatives = decoupled(self.projected(views), self.config.temperature)
        weights = mises_fisher(positives * self.config.temperature, self.config.sigma)
        return (negatives - weights * positives).mean()


def decoupled(z: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The two terms of eq. 6 for each row of z (2N, D): the similarity to the other view, and the log of the summed
    exponentials of those to both views of all other images."""
    logits = similarities(z, temperature)
    image = torch.arange(len(z), device=z.device) % (len(z) // 2)
    negatives = logits.masked_fill(image[:, None] == image, -torch.inf).logsumexp(1)
    return logits.gather(1, other_views(z)[:, None])[:, 0], negatives


def mises_fisher(cosines: Tensor, sigma: float) -> Tensor:
    """The weights of the positives, 2 - exp(cos / sigma) / mean of exp(cos / sigma): 1 on the mean."""
    return 2 - len(cosines) * (cosines / sigma).softmax(0)
