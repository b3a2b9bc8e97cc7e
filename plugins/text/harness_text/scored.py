"""`sts`: pairs of sentences with similarities that people judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import Split, TextDataset, UsageError
from harness_text import StsConfig
from harness_text.files import lines_of, squeezed
from harness_text.rows import Rows
from harness_text.sentences import cleaned, read, split_of

HEADER = ("task", "split", "subset", "score", "sentence1", "sentence2")
TRAIN = "stsb-train"
ALIKE = 4.0  # the least score, of 5, with which a pair of `train` is one to learn from


class Scored(NamedTuple):
    """A line of the file."""

    subset: str
    score: float
    first: str
    second: str


class Sts(TextDataset):
    """A split for each task with a test split alone, such as `sts12`, and for each split of others, such as `stsb-dev`.

    `train` has the sentences of a file of your own; without one those of `stsb-train`, and as pairs to learn from
    those that are scored ALIKE or more.
    """

    config: StsConfig

    def load(self) -> Mapping[str, Split]:
        self.augmentation = self.config.augmentation
        tasks = scored_pairs(self.config.path)
        if self.config.train:
            entries, self.notes = cleaned(read(self.config.train, "label", "split"))
            if not entries:
                raise UsageError(f"{self.config.train} has no sentences.")
            train = split_of(entries)
        elif TRAIN in tasks:
            train = pairs_to_learn_from(tasks.pop(TRAIN))
        else:
            raise UsageError(
                f"{self.config.path} has no training pairs of STSB to train on: name other sentences by 'train'."
            )
        return {"train": train, **{name: scored_split(pairs) for name, pairs in tasks.items()}}


def scored_pairs(path: Path) -> dict[str, list[Scored]]:
    """By the names of splits. Raises UsageError, with the line, for what is no such file."""
    header, *lines = lines_of(path)
    if tuple(header.split("\t")) != HEADER:
        raise UsageError(f"{path}:1: its first line must name the columns {', '.join(HEADER)}, divided by tabs.")
    found: dict[tuple[str, str], list[Scored]] = {}
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        fields = line.split("\t")
        if len(fields) != len(HEADER):
            raise UsageError(f"{path}:{number}: this line has {len(fields)} columns and not {len(HEADER)}.")
        task, split, subset, score, *sentences = fields
        first, second = map(squeezed, sentences)
        value = _number(score)
        if not math.isfinite(value):
            raise UsageError(f"{path}:{number}: the score '{score}' is no number.")
        found.setdefault((task.lower(), split.lower()), []).append(Scored(subset, value, first, second))
    divided = {task for task, split in found if split != "test"}
    return {f"{task}-{split}" if task in divided else task: pairs for (task, split), pairs in found.items()}


def _number(text: str) -> float:
    """nan if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def scored_split(pairs: Sequence[Scored]) -> Split:
    """All pairs, in the order of the file; subsets are numbered as they come."""
    rows, subsets = Rows(), {name: number for number, name in enumerate(dict.fromkeys(each.subset for each in pairs))}
    for each in pairs:
        first, second = rows.add(each.first), rows.add(each.second)
        rows.join(first, second, score=each.score, subset=subsets[each.subset])
    return rows.split()


def pairs_to_learn_from(pairs: Sequence[Scored]) -> Split:
    """Each sentence once. A sentence is paired with the first one that is scored as alike."""
    rows, places = Rows(), dict[str, int]()
    for each in pairs:
        for text in (each.first, each.second):
            if text not in places:
                places[text] = rows.add(text)
    taken = set[int]()
    for each in pairs:
        first, second = places[each.first], places[each.second]
        if each.score >= ALIKE and first != second and not taken & {first, second}:
            rows.join(first, second, score=each.score)
            taken |= {first, second}
    return rows.split()
