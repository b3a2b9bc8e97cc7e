"""Maps the splits of a Hugging Face data set to ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from harness_datasets.pictures import OTHER_NAMES

from harness import UsageError, nearest
from harness_hf import Splits

HELD_OUT = ("validation", *OTHER_NAMES)  # what the library's sets call further samples of the training classes


def assigned(theirs: Sequence[str], asked: Splits, where: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Our names and theirs, and what to say of it. Raises UsageError if there is no such split, or none to train on."""
    given = {ours: name for ours, name in dataclasses.asdict(asked).items() if name is not None}
    for ours, name in given.items():
        if name not in theirs:
            raise UsageError(f"{where} has no split '{name}' to be '{ours}'.{nearest(name, theirs)}")
    if twice := [name for name in given.values() if list(given.values()).count(name) > 1]:
        raise UsageError(f"{where}: the split '{twice[0]}' cannot be two of ours.")
    free = [name for name in theirs if name not in given.values()]
    found = dict(given)
    for ours in ("train", "test", "novel"):
        if ours not in found and ours in free:
            found[ours] = ours
    if "train" not in found and len(theirs) == 1 and not given:
        found["train"] = theirs[0]
    if "train" not in found:
        raise UsageError(
            f"{where} has no split 'train'; it has {', '.join(map(repr, theirs)) or 'none'}. 'splits' says which it "
            "is: splits: {train: ...}."
        )
    if "test" not in found and (held := [name for name in HELD_OUT if name in free]):
        found["test"] = held[0]
    named = [f"'{name}' is the split '{ours}'" for ours, name in found.items() if name != ours]
    left = [f"'{name}' is left out" for name in theirs if name not in found.values()]
    return found, (*named, *left)
