"""`words`: the mean of learned word embeddings, with the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from harness import TextShape
from harness_text import WordsConfig
from harness_text.pieces import PAD, WordPieces


class Words(nn.Module):
    """The mean of the embeddings of a text's word pieces. In training, dropout changes each of them.

    The vocabulary is made of the training texts (`fit_tokenizer`), and is saved with the weights, so that a training
    that starts from this one goes on with the same.
    """

    pad = PAD

    def __init__(self, config: WordsConfig, shape: TextShape) -> None:  # noqa: ARG002 (the interface of all backbones)
        super().__init__()
        self.feature_dim = config.width
        self.pieces = WordPieces(config.vocabulary, config.cased, config.length)
        self.embedding = nn.Embedding(config.vocabulary, config.width, padding_idx=PAD)
        self.dropout = nn.Dropout(config.dropout)

    def fit_tokenizer(self, texts: Sequence[str], folder: Path) -> None:
        self.pieces.fit(texts, folder)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        return self.pieces.tokenize(texts)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 (N, L) -> (N, D). Padding counts for nothing, and each text has at least one token."""
        used = (tokens != PAD).unsqueeze(-1)
        embedded = self.dropout(self.embedding(tokens)) * used
        return embedded.sum(1) / used.sum(1)
