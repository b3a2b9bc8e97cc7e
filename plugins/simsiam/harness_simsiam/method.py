"""SimSiam: exploring simple Siamese representation learning."""

from typing import ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Method, Views, gather
from harness_simsiam import Config


class SimSiam(Method):
    """Predict each view's projection from the other view (Chen and He 2021, arXiv:2011.10566, algorithm 1)."""

    distributed: ClassVar[bool] = True  # each of several devices may have a part of the batch

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(2, config.augment)
        width = config.projection_dim
        last = nn.BatchNorm1d(width, affine=False)
        self.projector = nn.Sequential(
            *layer(cast(Backbone, backbone).feature_dim, width), nn.Linear(width, width), last
        )
        self.predictor = nn.Sequential(*layer(width, config.hidden_dim), nn.Linear(config.hidden_dim, width))

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W). Each passes apart, with batch-norm statistics of its own."""
        z1, z2 = (self.projector(self.backbone(view)) for view in views)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        spread = F.normalize(gather(z1.detach()).float(), dim=1).std(0).mean() * z1.shape[1] ** 0.5
        return {"loss": (distance(p1, z2) + distance(p2, z1)) / 2, "spread": spread}  # a spread near 0: collapsed


def layer(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()


def distance(p: Tensor, z: Tensor) -> Tensor:
    """Eq. 1, negative cosine similarity of p and z (N, D) -> scalar; no gradient flows through z (section 3)."""
    return -F.cosine_similarity(p.float(), z.detach().float(), dim=1).mean()
