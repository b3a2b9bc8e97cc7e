"""A vision transformer of timm that sees some of the patches of a picture only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from harness import UsageError


class Shown(nn.Module):
    """Leaves out the tokens of patches that the encoder does not see, where a network of timm has its patch dropout."""

    def __init__(self, prefix: int) -> None:
        super().__init__()
        self.prefix = prefix  # tokens before those of the patches
        self.index: Tensor | None = None

    @contextmanager
    def only(self, index: Tensor) -> Iterator[None]:
        """Inside this context, the patches at `index` (N, seen) alone."""
        self.index = index
        try:
            yield
        finally:
            self.index = None

    def forward(self, tokens: Tensor) -> Tensor:
        if self.index is None:
            return tokens
        patches = tokens[:, self.prefix :]
        kept = patches.gather(1, self.index[..., None].expand(-1, -1, patches.shape[2]))
        return torch.cat([tokens[:, : self.prefix], kept], 1)


def require_vit(backbone: nn.Module) -> VisionTransformer:
    """Raises UsageError for a network whose patches cannot be masked."""
    if not isinstance(backbone, VisionTransformer) or backbone.pos_embed is None or backbone.attn_pool is not None:
        raise UsageError(
            "mae masks patches of a plain vision transformer: take the backbone timm with such a model, for example "
            "'model: vit_tiny_patch16_224, patch_size: 4' for pictures of 32 pixels."
        )
    return backbone
