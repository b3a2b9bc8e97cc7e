"""LeJEPA: joint embeddings whose distribution is regularised towards an isotropic Gaussian."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, same_on_all
from harness_joint import LeJEPAConfig
from harness_joint.parts import TwoViews

KNOTS, FARTHEST = 17, 3.0  # where characteristic functions are compared: so many points from 0 to this


class LeJEPA(TwoViews):
    """Predict the mean of an image's views from each, while all projections are normally distributed: SIGReg
    (Balestriero and LeCun 2025, arXiv:2511.08544). No stop-gradient, no other network."""

    config: LeJEPAConfig

    def __init__(self, backbone: nn.Module, config: LeJEPAConfig, data: Data) -> None:
        super().__init__(backbone, config, data, config.hidden_dim, config.hidden_dim, config.projection_dim)

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W). Over the samples of all devices."""
        z = torch.stack(self.projected_by_all(views))
        prediction = (z.mean(0) - z).square().mean()
        drawn = torch.randn(z.shape[2], self.config.slices, device=z.device, dtype=z.dtype)
        directions = F.normalize(same_on_all(drawn), dim=0)
        gaussian = torch.stack([sigreg(view, directions) for view in z]).mean()
        weight = self.config.sigreg_weight
        return {"loss": (1 - weight) * prediction + weight * gaussian, "prediction": prediction, "sigreg": gaussian}


def sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """The mean over directions (D, M), of length 1, of Epps and Pulley's statistic for z (N, D) along each: N times the
    integral of |empirical characteristic function - exp(-t²/2)|² exp(-t²/2) over t, by the trapezoidal rule."""
    t = torch.linspace(0, FARTHEST, KNOTS, device=z.device, dtype=z.dtype)
    gaussian = (-t.square() / 2).exp()
    with torch.autocast(z.device.type, enabled=False):
        angles = (z @ directions)[..., None] * t  # (N, M, knots)
    gaps = (angles.cos().mean(0) - gaussian).square() + angles.sin().mean(0).square()
    return len(z) * 2 * torch.trapezoid(gaps * gaussian, t).mean()  # twice: the integrand at -t is that at t
