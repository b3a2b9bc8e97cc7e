"""Encoders without training: random ones, and those that were trained elsewhere."""

from __future__ import annotations

from harness import Method, UsageError


class Untrained(Method):
    """Has nothing to train (`batches` is None) and encodes with the randomly initialised backbone."""

    def check_start(self, start: str) -> None:
        if start:
            raise UsageError(
                f"this backbone starts from {start}, and 'untrained' is for random weights: the method 'pretrained' "
                "scores an encoder as it is."
            )


class Pretrained(Method):
    """Has nothing to train and encodes with the backbone as a file, a library or another cell left it."""

    def check_start(self, start: str) -> None:
        if not start:
            raise UsageError(
                "this backbone starts from random weights, and 'pretrained' scores one that was trained: write "
                "'weights: FILE' in its entry, set its option 'pretrained' if it has one, or 'start: METHOD' in that "
                "of the method. 'untrained' scores random weights."
            )
