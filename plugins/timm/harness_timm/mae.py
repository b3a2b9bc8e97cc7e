"""MAE: masked autoencoders."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from harness import Data, Method, UsageError, Views, own_part, ranks, same_on_all
from harness_timm import MAEConfig
from harness_timm.patches import Shown, require_vit


class MAE(Method):
    """Predict the pixels of the patches that the encoder does not see from those that it does (He et al. 2022,
    arXiv:2111.06377). The encoder is a vision transformer of timm; `encode` shows it whole pictures."""

    config: MAEConfig
    distributed: ClassVar[bool] = True
    places: Tensor  # (L, decoder_dim): position embeddings of the decoder

    def __init__(self, backbone: nn.Module, config: MAEConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(1, config.augment)
        vit = require_vit(backbone)
        self.side = vit.patch_embed.patch_size[0]
        grid, width = vit.patch_embed.grid_size, config.decoder_dim
        self.patches = grid[0] * grid[1]
        self.seen = int(self.patches * (1 - config.masked))
        if not 0 < self.seen < self.patches:
            raise UsageError(f"of {self.patches} patches, {config.masked} cannot be masked: some must be, and not all.")
        self.shown = Shown(vit.num_prefix_tokens)
        vit.set_submodule("patch_drop", self.shown)
        self.narrow = nn.Linear(vit.embed_dim, width)
        self.mask = nn.Parameter(0.02 * torch.randn(width))
        self.register_buffer("places", build_sincos2d_pos_embed(list(grid), width))
        blocks = [Block(width, config.decoder_heads, qkv_bias=True) for _ in range(config.decoder_depth)]
        pixels = self.side**2 * data.modality.shape.channels
        self.decoder = nn.Sequential(*blocks, nn.LayerNorm(width), nn.Linear(width, pixels))

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (1, N, C, H, W). The mean squared error of the masked patches."""
        images = views[0]
        drawn = torch.rand(len(images) * ranks(), self.patches, device=images.device)
        seen = own_part(same_on_all(drawn)).argsort(1)[:, : self.seen]  # (N, seen), of each picture at random
        with self.shown.only(seen):
            tokens = cast(Any, self.backbone).forward_features(images)
        predicted = self.decoded(cast(Any, self.backbone).fc_norm(tokens), seen)
        errors = (predicted.float() - self.targets(images)).square().mean(2)
        masked = torch.ones_like(errors).scatter(1, seen, 0.0)
        return (errors * masked).sum() / masked.sum()

    def decoded(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """Of the encoder's tokens, the last of which are those of the patches `seen` (N, seen): (N, L, pixels)."""
        prefix, patches = self.narrow(tokens).tensor_split([tokens.shape[1] - self.seen], dim=1)
        index = seen[..., None].expand(-1, -1, patches.shape[2])
        every = self.mask.to(patches.dtype).expand(len(seen), self.patches, -1).scatter(1, index, patches)
        return self.decoder(torch.cat([prefix, every + self.places], 1))[:, prefix.shape[1] :]

    def targets(self, images: Tensor) -> Tensor:
        """The pixels of each patch, row by row of patches (N, L, pixels), in float32."""
        patches = F.unfold(images.float(), self.side, stride=self.side).mT
        if not self.config.normalised:
            return patches
        return (patches - patches.mean(2, keepdim=True)) / (patches.var(2, keepdim=True) + 1e-6).sqrt()
