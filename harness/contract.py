"""The version of what plugins are written against: the hooks, the events, and what `harness` exports."""

from __future__ import annotations

CONTRACT = 1
"""Raised when a plugin that keeps to the contract before would no longer work, and for nothing else.

A plugin's distribution states the contract it was written for as an extra of its requirement,
``dependencies = ["rep-harness[contract-1]"]``, so that it is known before any of its code runs.
"""

EXTRA = "contract-"
