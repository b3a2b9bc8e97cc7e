"""A split of texts, row by row; pairs and triples are columns of row numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from harness import Split

NONE = -1  # in place of a row


class Rows:
    """A row for each sentence. Of a pair, the first sentence's row has the rest: `pair`, the row of the second;
    `negative`, that of a hard negative; `score`, how alike the two are; `subset`, which part of the data they are
    from. Elsewhere these are -1, -1, nan and 0."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.labels: list[int] = []
        self._pair: list[int] = []
        self._negative: list[int] = []
        self._score: list[float] = []
        self._subset: list[int] = []

    def add(self, text: str, label: int = NONE) -> int:
        """The number of its row."""
        self.texts.append(text)
        self.labels.append(label)
        self._pair.append(NONE)
        self._negative.append(NONE)
        self._score.append(math.nan)
        self._subset.append(0)
        return len(self.texts) - 1

    def join(self, first: int, second: int, negative: int = NONE, score: float = math.nan, subset: int = 0) -> None:
        self._pair[first] = second
        self._negative[first] = negative
        self._score[first] = score
        self._subset[first] = subset

    def split(self, classes: Sequence[str] = ()) -> Split:
        """With labels if there are classes; with the columns that say something."""
        columns = {
            "pair": torch.tensor(self._pair),
            "negative": torch.tensor(self._negative),
            "score": torch.tensor(self._score),
            "subset": torch.tensor(self._subset),
        }
        return Split(self.texts, torch.tensor(self.labels) if classes else None, classes, columns)
