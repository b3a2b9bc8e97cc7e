"""Word vectors, read from a file or random."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness import UsageError
from harness_text.files import lines_of

PLACES = 8  # of a random vector that are not zero
MIX = (-7046029254386353131, -4658895280553007687)  # odd numbers of 64 bits, those of splitmix64 and MurmurHash3


class Vectors(NamedTuple):
    """Of a file: `words`, and float32 (N, D)."""

    words: tuple[str, ...]
    values: Tensor


def read(path: Path) -> Vectors:
    """Raises UsageError, with the line, if it is no file of vectors."""
    return _of_arrays(path) if path.suffix == ".npz" else _of_text(path)


def _of_arrays(path: Path) -> Vectors:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            words, values = arrays["words"], arrays["vectors"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: it needs the arrays 'words' and 'vectors' ({error}).") from error
    if words.ndim != 1 or words.dtype.kind != "U" or values.ndim != 2 or values.dtype.kind != "f":
        raise UsageError(f"{path}: 'words' must be text (N,), and 'vectors' floats (N, D).")
    if len(words) != len(values):
        raise UsageError(f"{path} has {len(words):,} words and {len(values):,} vectors.")
    return Vectors(tuple(map(str, words)), torch.from_numpy(values.astype(np.float32)))


def _of_text(path: Path) -> Vectors:
    """A word and its numbers a line, divided by spaces; word2vec has a first line of their number and width."""
    words: list[str] = []
    values: list[NDArray[np.float32]] = []
    for number, line in enumerate(lines_of(path), 1):
        word, *numbers = line.rstrip().split(" ")
        if number == 1 and len(numbers) == 1:
            continue
        try:
            vector = np.array(numbers, np.float32)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: after the first word, everything must be a number.") from error
        if not len(vector) or (values and len(vector) != len(values[0])):
            needed = len(values[0]) if values else "some"
            raise UsageError(f"{path}:{number}: this line has {len(vector)} numbers, and not {needed}.")
        words.append(word)
        values.append(vector)
    if not words:
        raise UsageError(f"{path} has no vectors.")
    return Vectors(tuple(words), torch.from_numpy(np.stack(values)))


def random_sum(tokens: Tensor, weights: Tensor, seeds: Tensor, width: int) -> Tensor:
    """The weighted sum of the random vectors of `tokens`, hashes of words, int64 (N, L) -> (N, width).

    A vector has 1 or -1 at as many places as there are `seeds`: a random projection of the counts of words (Li et al.
    2006, Very Sparse Random Projections), so that no vocabulary is needed, and no table.
    """
    total = weights.new_zeros(len(tokens), width)
    for seed in seeds:
        mixed = (tokens ^ seed) * MIX[0]
        mixed = (mixed ^ (mixed >> 32)) * MIX[1]
        mixed = mixed ^ (mixed >> 29)
        signs = (mixed >> 40 & 1) * 2 - 1
        total.scatter_add_(1, (mixed & 0x7FFFFFFF) % width, weights * signs)
    return total
