"""`static`: sentences as weighted means of fixed word vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from harness import TextShape
from harness_text import StaticConfig
from harness_text.vectors import PLACES, random_sum, read

PAD, UNKNOWN = 0, 1
WORD = re.compile(r"\w+")
BUCKETS = 2**20  # for the weights of words that have random vectors: few share one
SMOOTH = 1e-3  # a of Arora et al. 2017
LENGTH = 256  # most words of a text; the rest is cut off
SENTENCES = 20_000  # of `train`, evenly spaced, of which the common component is taken


class Static(nn.Module):
    """The weighted mean of the vectors of a text's words.

    With random vectors the cosine of two texts is nearly that of their counts of words (`counts`), or of TF-IDF
    (`tfidf`). `sif` is the smooth inverse frequency of Arora et al. 2017: weights a / (a + p(w)), and without the first
    principal component of the training sentences. Frequencies are those of the training texts.
    """

    pad = PAD
    weights: Tensor
    common: Tensor
    vectors: Tensor
    seeds: Tensor

    def __init__(self, config: StaticConfig, shape: TextShape) -> None:  # noqa: ARG002 (the interface of all backbones)
        super().__init__()
        self.config = config
        self.rows: dict[str, int] = {}
        if config.vectors:
            words, values = read(config.vectors)
            self.rows = {word: row for row, word in reversed(list(enumerate(words, UNKNOWN + 1)))}
            none = values.new_zeros(UNKNOWN + 1, values.shape[1])
            self.register_buffer("vectors", torch.cat([none, values]), persistent=False)
        else:
            self.register_buffer("seeds", torch.randint(2**62, (PLACES,)))
        self.feature_dim = self.vectors.shape[1] if config.vectors else config.width
        self.register_buffer("weights", torch.zeros(len(self.vectors) if config.vectors else BUCKETS))
        self.register_buffer("common", torch.zeros(self.feature_dim))

    def fit_tokenizer(self, texts: Sequence[str], folder: Path) -> None:  # noqa: ARG002 (it takes little time)
        if self.weights.any():
            return
        tokens = self.tokenize(texts)
        self.weights.copy_(self._weighting(tokens))
        if self.config.weighting == "sif":
            some = tokens[torch.linspace(0, len(tokens) - 1, min(SENTENCES, len(tokens))).long()]
            means = torch.cat([self._mean(part) for part in some.split(512)]).double()
            self.common.copy_(torch.linalg.eigh(means.mT @ means).eigenvectors[:, -1])

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """int64 (N, L): rows of the file's vectors, or hashes of the words."""
        found = [self._tokens(text) for text in texts]
        tokens = torch.full((len(found), max(map(len, found))), PAD)
        for row, ids in zip(tokens, found, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return tokens

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 (N, L) -> (N, D)"""
        means = self._mean(tokens)
        return means - (means @ self.common)[:, None] * self.common

    def _mean(self, tokens: Tensor) -> Tensor:
        """Padding and unknown words count for nothing, nor in the number of words."""
        known = tokens > UNKNOWN
        weights = self.weights[self._places(tokens)] * known
        if self.config.vectors:
            total = (weights[:, :, None] * self.vectors[tokens]).sum(1)
        else:
            total = random_sum(tokens, weights, self.seeds, self.feature_dim)
        return total / known.sum(1, keepdim=True).clamp_min(1)

    def _places(self, tokens: Tensor) -> Tensor:
        """Where the weights of words are."""
        return tokens if self.config.vectors else tokens % BUCKETS

    def _weighting(self, tokens: Tensor) -> Tensor:
        """A weight for each place, of the frequencies in the training texts."""
        if self.config.weighting == "counts":
            return torch.ones_like(self.weights)
        if self.config.weighting == "sif":
            counts = self._counted(tokens[tokens > UNKNOWN])
            return SMOOTH / (SMOOTH + counts / counts.sum().clamp_min(1))
        ordered = tokens.sort(1).values
        once = (ordered > UNKNOWN) & (ordered != ordered.roll(1, 1))
        once[:, 0] = ordered[:, 0] > UNKNOWN
        return ((1 + len(tokens)) / (1 + self._counted(ordered[once]))).log() + 1

    def _counted(self, words: Tensor) -> Tensor:
        return torch.bincount(self._places(words), minlength=len(self.weights)).float()

    def _tokens(self, text: str) -> list[int]:
        words = WORD.findall(text if self.config.cased else text.lower())[:LENGTH]
        if self.config.vectors:
            return [self.rows.get(word, UNKNOWN) for word in words] or [UNKNOWN]
        return [hashed(word) for word in words] or [UNKNOWN]


@lru_cache(maxsize=2**18)
def hashed(word: str) -> int:
    """More than UNKNOWN, and below 2^62."""
    return (int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest()) >> 2) + UNKNOWN + 1
