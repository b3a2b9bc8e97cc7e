"""Computes how often two of a few random samples have the same class."""

from __future__ import annotations

from math import comb

from harness import Split


def probability_of_clash(sizes: list[int], number: int) -> float:
    """That of `number` samples, drawn from classes of these sizes without putting any back, two are of one class.

    For classes of one size, it is 1 less eq. 1 of Khodadadeh et al. 2019. `apart[k]` counts the sets of k samples, each
    of another class.
    """
    apart = [1] + [0] * number
    for size in sizes:
        for k in range(number, 0, -1):
            apart[k] += size * apart[k - 1]
    drawn = comb(sum(sizes), number)
    return (drawn - apart[number]) / drawn


def clashes(train: Split, ways: int) -> tuple[str, ...]:
    """What must be known of tasks of `ways` random samples, if the labels can tell; nothing trains on them."""
    if not train.labelled:
        return ()
    share = probability_of_clash([len(members) for members in train.by_class], ways)
    return (f"of its {ways}-way tasks of random samples, {100 * share:.2g} % have two samples of one true class",)
