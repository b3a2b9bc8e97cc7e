"""Batches of pairs and triples, from a split's columns `pair` and `negative`."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from harness import Source, Split, UsageError

CPU = torch.device("cpu")


class PairBatch(NamedTuple):
    """`sentences`: (2, N, ...), first and second ones of N pairs as a network sees them; (3, N, ...) if some pair of
    the split has a hard negative. `known`: bool (N,), which of the pairs have one; the others' third sentence is the
    second again."""

    sentences: Tensor
    known: Tensor


class Pairs:
    """Every epoch visits the pairs of `train` in a fresh order, less the last incomplete batch. Not augmented."""

    def check(self, source: Source) -> None:
        number = paired(source.data.train).rows.shape[1]
        if not number:
            raise UsageError(
                "the split 'train' has no pairs: this takes a column 'pair' of row numbers, as `grammar`, `sts` and "
                "tables of pairs in `sentences` have it."
            )
        if source.batch_size > number:
            raise UsageError(
                f"the budget's batch_size is {source.batch_size}, but the split 'train' has only {number} pairs."
            )
        if source.batch_size % source.ranks:
            raise UsageError(f"a batch of {source.batch_size} cannot be divided evenly over {source.ranks} devices.")

    def steps_per_epoch(self, source: Source) -> int:
        return paired(source.data.train).rows.shape[1] // source.batch_size

    def samples_per_step(self, source: Source) -> int:
        return len(paired(source.data.train).rows) * source.batch_size

    def draw(self, source: Source, step: int) -> PairBatch:
        pairs, samples = paired(source.data.train), source.data.train.samples
        epoch, position = divmod(step, self.steps_per_epoch(source))
        order = _order(pairs.rows.shape[1], source.generator("pairs", epoch, CPU).initial_seed())
        batch = order[position * source.batch_size : (position + 1) * source.batch_size]
        own = batch[source.own(source.batch_size)].to(source.device)
        if not isinstance(samples, Tensor):
            raise UsageError("pairs must be tokenized texts, or tensors in memory.")
        return PairBatch(source.data.inputs(samples[pairs.rows[:, own]]), pairs.known[own])


class Paired(NamedTuple):
    """`rows`: int64 (2 or 3, P), the row numbers of the sentences of all P pairs; `known`: bool (P,)."""

    rows: Tensor
    known: Tensor


@lru_cache(maxsize=2)  # looking for them makes a GPU wait
def paired(split: Split) -> Paired:
    """The pairs of a split, none if it has no such column."""
    if "pair" not in split.columns:
        return Paired(torch.empty(2, 0, dtype=torch.int64), torch.empty(0, dtype=torch.bool))
    pair = split.column("pair")
    first = (pair >= 0).nonzero()[:, 0]
    negative = split.columns.get("negative", torch.full_like(pair, -1))[first]
    known = negative >= 0
    rows = [first, pair[first]]
    if known.any():
        rows.append(torch.where(known, negative, pair[first]))
    return Paired(torch.stack(rows), known)


@lru_cache(maxsize=2)
def _order(number: int, seed: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(seed))
