"""The checks of `harness doctor`, with one module per area."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.cli.doctor import data, devices, environment, plugins, storage
from harness.cli.doctor.finding import Finding
from harness.plugins.registry import Registry


def examine(known: Registry, results: Path) -> Iterator[Finding]:
    """Look at everything, area by area. `results`: where runs put their results."""
    yield from environment.look()
    yield from devices.look()
    yield from plugins.look(known)
    yield from data.look()
    yield from storage.look(results)
