"""Learns word pieces from the training texts, the same on every machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

PAD, UNKNOWN = 0, 1
SPECIAL = ("[PAD]", "[UNK]")
CONTINUED = "##"  # what a piece begins with that goes on within a word
ALPHABET = 1000  # most characters; the others are unknown
BYTES = 64  # of a piece; longer ones are left out
TRAINING = 1  # how pieces are made: part of the name of the cached file


class WordPieces(nn.Module):
    """A tokenizer whose pieces are a buffer, so that they are saved, loaded and copied with the weights."""

    table: Tensor

    def __init__(self, number: int, cased: bool, length: int) -> None:
        super().__init__()
        self.number = number
        self.cased = cased
        self.length = length
        self.register_buffer("table", torch.zeros(number, BYTES, dtype=torch.uint8))
        self._in_use: Tokenizer | None = None
        self.register_load_state_dict_pre_hook(_same_as_in_use)  # type: ignore[no-untyped-call]  # torch lacks it

    @property
    def fitted(self) -> bool:
        return bool(self.table.any())

    def fit(self, texts: Sequence[str], folder: Path) -> None:
        """Make the pieces of these texts, or read those that were made before, in `folder`. What came with weights
        stays: their embeddings are of these pieces."""
        if self.fitted:
            return
        made = folder / f"{self._name(texts)}.json"
        if made.exists():
            pieces = json.loads(made.read_text())
        else:
            pieces = word_pieces(texts, self.number, self.cased)
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = made.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(pieces))
            unfinished.replace(made)
        self.table.copy_(_packed(pieces, self.number))

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """int64 (N, L), filled up with PAD. A text without any token is one that is unknown."""
        if self._in_use is None:
            self._in_use = tokenizer(_unpacked(self.table), self.cased)
            self._in_use.enable_truncation(self.length)
        rows = [each.ids or [UNKNOWN] for each in self._in_use.encode_batch_fast(list(texts))]
        tokens = torch.full((len(rows), max(map(len, rows))), PAD)
        for row, ids in zip(tokens, rows, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return tokens

    def _name(self, texts: Sequence[str]) -> str:
        what = (TRAINING, tokenizers.__version__, self.number, self.cased, len(texts))
        digest = hashlib.sha256(repr(what).encode())
        for text in texts:
            digest.update(f"{text}\0".encode())
        return digest.hexdigest()[:32]


def _same_as_in_use(pieces: WordPieces, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Tokens of one vocabulary are noise for the embeddings of another."""
    loaded = state.get(f"{prefix}table")
    if pieces._in_use is not None and loaded is not None and not torch.equal(loaded.cpu(), pieces.table.cpu()):
        raise RuntimeError("its word pieces differ from those by which these texts were tokenized")


def word_pieces(texts: Sequence[str], number: int, cased: bool) -> list[str]:
    """The vocabulary, padding and what is unknown first: `number` pieces at most.

    The library numbers the characters of an alphabet as it meets them in a table without order, and which of
    two equally frequent pairs is joined first depends on the numbers: so they are given to it as special tokens.
    """
    made = tokenizer([*SPECIAL], cased)
    alphabet = _alphabet(made, texts)[: max(0, number - len(SPECIAL)) // 2]
    special = [*SPECIAL, *alphabet, *(f"{CONTINUED}{each}" for each in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=number, special_tokens=special, limit_alphabet=len(alphabet), show_progress=False
    )
    made.train_from_iterator(texts, trainer, len(texts))
    ids = made.get_vocab()
    return [each for each in sorted(ids, key=ids.__getitem__) if len(each.encode()) <= BYTES]


def tokenizer(pieces: Sequence[str], cased: bool) -> Tokenizer:
    """As BERT's, without tokens for the beginning and the end."""
    numbered = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(numbered, unk_token=SPECIAL[UNKNOWN], continuing_subword_prefix=CONTINUED))
    made.normalizer = normalizers.BertNormalizer(lowercase=not cased)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def _alphabet(made: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The ALPHABET most frequent characters, in the order of their numbers."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(made.normalizer.normalize_str(text))
    frequent = sorted((each for each in counts if not each.isspace()), key=lambda each: (-counts[each], each))
    return frequent[:ALPHABET]


def _packed(pieces: Sequence[str], number: int) -> Tensor:
    """uint8 (number, BYTES): a piece a row, filled up with zeros."""
    return torch.tensor(
        [[*piece.encode().ljust(BYTES, b"\0")] for piece in pieces] + [[0] * BYTES] * (number - len(pieces)),
        dtype=torch.uint8,
    )


def _unpacked(table: Tensor) -> list[str]:
    rows = (bytes(row).rstrip(b"\0").decode() for row in table.cpu().numpy())
    return [piece for piece in rows if piece]
