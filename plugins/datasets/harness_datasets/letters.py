"""The characters that are classes of `glyphs`: single letters, look-alikes merged, divided into splits by script."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

SPLITS = {  # by script: the first word of a character's Unicode name
    "train": ("LATIN", "GREEK", "CYRILLIC", "COPTIC", "LISU"),
    "validation": ("CANADIAN", "TIFINAGH", "NKO", "OGHAM", "OLD"),  # OLD ITALIC
    "novel": ("GEORGIAN", "ARMENIAN", "HEBREW", "ARABIC", "LAO"),
}
SPLIT_OF = {script: split for split, scripts in SPLITS.items() for script in scripts}
LETTERS = ("Lu", "Ll", "Lo")  # Unicode categories; Lm are small raised copies of other letters
ALIKE = 0.2  # share of ink that may differ between two drawings of what is one class (O and Ω: .16, S and Ս: .5)


def is_letter(character: str) -> bool:
    """Whether a character is a letter of its own: neither composed (e with acute) nor another's style (bold A)."""
    if unicodedata.category(character) not in LETTERS or script(character) not in SPLIT_OF:
        return False
    return unicodedata.normalize("NFKD", character) == character


def script(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]


def difference(drawings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of ink that differs between any two drawings: (N, H, W) -> (N, N), 0 for equal and 1 for disjoint ones."""
    flat = drawings.reshape(len(drawings), -1)
    ink = flat.sum(1, dtype=np.float64)
    return cdist(flat, flat, "cityblock") / (ink[:, None] + ink)


def merge(characters: Sequence[str], drawings: NDArray[np.float32]) -> list[list[str]]:
    """Group look-alikes: the classes, each led by its first character in the order of splits and code points.

    `drawings`: (N, H, W), one of each character, of one size. A character joins the first group whose leader it
    resembles, so that members never drift away from the leader, the only one that is drawn.
    """
    alike = difference(drawings) < ALIKE
    order = sorted(
        range(len(characters)), key=lambda i: (list(SPLITS).index(SPLIT_OF[script(characters[i])]), characters[i])
    )
    groups: dict[int, list[str]] = {}
    for i in order:
        leader = next((leader for leader in groups if alike[i, leader]), i)
        groups.setdefault(leader, []).append(characters[i])
    return list(groups.values())
