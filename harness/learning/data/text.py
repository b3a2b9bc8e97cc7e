"""Texts. A backbone tokenizes each split once, so that a batch of texts is an index into a tensor of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.data.augmentation import TextView
from harness.learning.data.draw import Draw
from harness.learning.data.modality import Modality
from harness.learning.data.streaming import Samples

RECOMMENDED = TextView(view="dropout", rate=0.1)  # the best of table 1 in Gao et al. 2021, arXiv:2104.08821


class TextShape(NamedTuple):
    """The shape of texts, which has no values: a backbone brings its tokenizer, so no two data sets need different
    networks.
    """

    def __str__(self) -> str:
        return "texts"


SHAPE = TextShape()


@dataclass(frozen=True)
class Text(Modality):
    """Texts, or the tokens that a backbone's `tokenize` made of them, int64 (N, L).

    A batch is as long as its longest text if the backbone has `pad`. By default, two views of a text have the same
    tokens and differ by the network's dropout (SimCSE, Gao et al. 2021, arXiv:2104.08821). With another `augmentation`,
    each view lacks some tokens; `special` tokens are kept.

    Attributes:
        shape: Always `TextShape()`.
        augmentation: How views are made.
        pad: The token that fills up short texts; None if the backbone does not say.
        special: Tokens that every view keeps, such as the one at the beginning.
    """

    name: ClassVar[str] = "text"
    exported_as: ClassVar[str] = "tokens of texts, as `tokenize` of its backbone makes them"

    shape: TextShape = SHAPE
    augmentation: TextView = RECOMMENDED
    pad: int | None = None  # the token that fills up a text, once a backbone has said which it is
    special: tuple[int, ...] = ()

    def check(self, samples: Samples) -> None:
        if isinstance(samples, Tensor):
            if samples.ndim != 2 or samples.dtype != torch.int64:
                raise UsageError(f"tokens must be int64 (N, L), not {samples.dtype} {tuple(samples.shape)}.")
        elif not isinstance(samples, Sequence) or not all(isinstance(text, str) for text in samples):
            raise UsageError("texts must be a sequence of str, one for each sample.")

    def inputs(self, samples: Tensor) -> Tensor:
        """Remove the padding that all texts have at their ends: int64 (..., L)."""
        if self.pad is None:
            return samples
        used = (samples != self.pad).flatten(0, -2).any(0).nonzero()
        return samples[..., : int(used[-1]) + 1 if len(used) else 1]

    def order(self, samples: Samples) -> Tensor | None:
        """Sort by length, as a batch is as long as its longest text."""
        if self.pad is None or not isinstance(samples, Tensor):
            return None
        return (samples != self.pad).sum(1).argsort(stable=True)

    def view(self, samples: Tensor, draw: Draw) -> Tensor:
        """Make one view of each text, int64 (N, L), as long as `inputs` of the same samples, so that views can be
        stacked.

        As many random numbers are drawn as the tokens of the split are long, not those of the batch, whose longest text
        differs between devices.
        """
        if not self.augments:
            return self.inputs(samples)
        length = self.inputs(samples).shape[-1]
        pad = self._known_pad()
        special = torch.tensor(self.special, dtype=torch.int64, device=samples.device)
        inner = (samples != pad) & ~torch.isin(samples, special)
        kept = crop_mask if self.augmentation.view == "crop" else deletion_mask
        keep = kept(inner, self.augmentation.rate or 0.0, draw) | (samples != pad) & ~inner
        return _push_left(samples, keep, pad)[:, :length]

    @property
    def augments(self) -> bool:
        return self.augmentation.view != "dropout" and bool(self.augmentation.rate)

    def augmented(self, changes: Any) -> Modality:
        if not isinstance(changes, TextView):
            return super().augmented(changes)
        changed = replace(self, augmentation=changes.over(self.augmentation))
        if changed.augments:
            changed._known_pad()
        return changed

    def prepared_for(self, backbone: nn.Module) -> Modality:
        """Take the tokens `pad` and `special` from the backbone.

        Args:
            backbone: The backbone with its tokenizer.

        Returns:
            The modality for this backbone.

        Raises:
            UsageError: Views need to know the padding, and the backbone has no `pad`.
        """
        pad = getattr(backbone, "pad", None)
        prepared = replace(self, pad=pad, special=tuple(getattr(backbone, "special", ())))
        if self.augments:
            prepared._known_pad()
        return prepared

    def _known_pad(self) -> int:
        if self.pad is None:
            raise UsageError(
                f"views by {self.augmentation.view} are not for this backbone: it does not say which token is padding "
                "(attribute `pad`)."
            )
        return self.pad


def crop_mask(inner: Tensor, rate: float, draw: Draw) -> Tensor:
    """Mask (N, L) of the `inner` tokens that a crop keeps: consecutive ones, at least one, at a random position.

    Of n tokens, n (1 - rate) are kept, rounded up or down at random so that the mean is exact.
    """
    number = inner.sum(1)
    kept = (number.double() * (1 - rate) + draw.uniform(0, 1).double()).long().clamp_min(1).minimum(number)
    first = (draw.uniform(0, 1).double() * (number - kept + 1)).long().minimum(number - kept)
    place = inner.cumsum(1) - 1
    return inner & (place >= first[:, None]) & (place < (first + kept)[:, None])


def deletion_mask(inner: Tensor, rate: float, draw: Draw) -> Tensor:
    """Mask (N, L) of the `inner` tokens that stay if each is deleted with probability `rate`.

    The token with the largest random number always stays, so that no text becomes empty.
    """
    chance = draw.uniform(0, 1, inner.shape[1])
    last = torch.where(inner, chance, -1.0).argmax(1, keepdim=True)
    return inner & ((chance >= rate) | torch.zeros_like(inner).scatter(1, last, True))


def _push_left(tokens: Tensor, keep: Tensor, pad: int) -> Tensor:
    """Move the kept tokens of each text to the left, in their order, and fill up with padding."""
    order = (~keep).byte().argsort(dim=1, stable=True)
    return tokens.gather(1, order).masked_fill(~keep.gather(1, order), pad)
