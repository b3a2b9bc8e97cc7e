"""Texts. A backbone makes tokens of them once, so that a batch is an index into a tensor, as of any other data."""

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
    """Nothing that two data sets of texts differ in decides how a network is built: it brings its own tokenizer."""

    def __str__(self) -> str:
        return "texts"


SHAPE = TextShape()


@dataclass(frozen=True)
class Text(Modality):
    """A sequence of N texts, or what a backbone's `tokenize` made of them: int64 (N, L).

    A network sees them as long as the longest of the batch, if its backbone says what `pad` is. Two views of a text are
    the same tokens: what differs is the network's dropout (Gao et al. 2021, SimCSE, arXiv:2104.08821). Or, as
    `augmentation` says, each view lacks some of them; `special` tokens, such as that of the beginning, stay.
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
        """int64 (..., L) -> without the padding that all have at their ends."""
        if self.pad is None:
            return samples
        used = (samples != self.pad).flatten(0, -2).any(0).nonzero()
        return samples[..., : int(used[-1]) + 1 if len(used) else 1]

    def order(self, samples: Samples) -> Tensor | None:
        """By length: a batch of texts is as long as the longest."""
        if self.pad is None or not isinstance(samples, Tensor):
            return None
        return (samples != self.pad).sum(1).argsort(stable=True)

    def view(self, samples: Tensor, draw: Draw) -> Tensor:
        """int64 (N, L) -> as long as `inputs` of the same samples, so that two views can be stacked.

        Random numbers are as many as the split's tokens are long, not the batch's: of several devices, each has a
        longest text of its own.
        """
        if not self.augments:
            return self.inputs(samples)
        length = self.inputs(samples).shape[-1]
        pad = self._known_pad()
        special = torch.tensor(self.special, dtype=torch.int64, device=samples.device)
        inner = (samples != pad) & ~torch.isin(samples, special)
        kept = cropped if self.augmentation.view == "crop" else thinned
        keep = kept(inner, self.augmentation.rate or 0.0, draw) | (samples != pad) & ~inner
        return _pushed_left(samples, keep, pad)[:, :length]

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
        """With the padding and the special tokens that the backbone's tokenizer has, its attributes `pad` and
        `special`. Raises UsageError if views need to know them and it does not say."""
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


def cropped(inner: Tensor, rate: float, draw: Draw) -> Tensor:
    """Which of the `inner` tokens (N, L) a crop keeps: n (1 - rate) of n that follow each other, rounded up or down by
    chance so that this is so in the mean, and at least one; from anywhere."""
    number = inner.sum(1)
    kept = (number.double() * (1 - rate) + draw.uniform(0, 1).double()).long().clamp_min(1).minimum(number)
    first = (draw.uniform(0, 1).double() * (number - kept + 1)).long().minimum(number - kept)
    place = inner.cumsum(1) - 1
    return inner & (place >= first[:, None]) & (place < (first + kept)[:, None])


def thinned(inner: Tensor, rate: float, draw: Draw) -> Tensor:
    """Which of the `inner` tokens (N, L) stay when each is deleted with probability `rate`: the one with the largest
    random number in any case."""
    chance = draw.uniform(0, 1, inner.shape[1])
    last = torch.where(inner, chance, -1.0).argmax(1, keepdim=True)
    return inner & ((chance >= rate) | torch.zeros_like(inner).scatter(1, last, True))


def _pushed_left(tokens: Tensor, keep: Tensor, pad: int) -> Tensor:
    """What is kept of each text in its order, then padding."""
    order = (~keep).byte().argsort(dim=1, stable=True)
    return tokens.gather(1, order).masked_fill(~keep.gather(1, order), pad)
