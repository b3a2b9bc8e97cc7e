"""Numbers of things in messages, in the singular or the plural."""

from __future__ import annotations


def quantity(number: int, one: str, many: str = "") -> str:
    """'1 cell', '2 cells', '1,200 cells'.

    Args:
        number: How many.
        one: What follows 1, such as "cell" or "cell waits".
        many: What follows other numbers; `one` and an "s" if it is left out.

    Returns:
        The number and the words that agree with it.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
