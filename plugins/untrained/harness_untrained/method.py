"""The floor: an encoder that has learned nothing."""

from __future__ import annotations

from harness import Method


class Untrained(Method):
    """Has nothing to train (`batches` is None) and encodes with the randomly initialised backbone."""
