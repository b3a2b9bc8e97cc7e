"""Texts. A backbone makes tokens of them once, so that a batch is an index into a tensor, as of any other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from harness.base.errors import UsageError
from harness.learning.data.modality import Modality
from harness.learning.data.streaming import Samples


class TextShape(NamedTuple):
    """Nothing that two data sets of texts differ in decides how a network is built: it brings its own tokenizer."""

    def __str__(self) -> str:
        return "texts"


SHAPE = TextShape()


@dataclass(frozen=True)
class Text(Modality):
    """A sequence of N texts, or what a backbone's `tokenize` made of them: int64 (N, L). Two views of a text are the
    same tokens: what differs is the network's dropout (Gao et al. 2021, SimCSE, arXiv:2104.08821)."""

    name: ClassVar[str] = "text"

    shape: TextShape = SHAPE

    def check(self, samples: Samples) -> None:
        if isinstance(samples, Tensor):
            if samples.ndim != 2 or samples.dtype != torch.int64:
                raise UsageError(f"tokens must be int64 (N, L), not {samples.dtype} {tuple(samples.shape)}.")
        elif not isinstance(samples, Sequence) or not all(isinstance(text, str) for text in samples):
            raise UsageError("texts must be a sequence of str, one for each sample.")
