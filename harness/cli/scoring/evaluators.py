"""Converts --evaluators to a section of a suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from harness.base.errors import UsageError
from harness.plugins.options import fields_of
from harness.plugins.registry import Registry

EVALUATORS = "knn,linear"
SHOTS = re.compile(r"(\d+)-way[ -](\d+)-shots?", re.IGNORECASE)


def evaluators(text: str, known: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """By label, the options of each. Raises UsageError."""
    names = list(filter(None, map(str.strip, text.split(","))))
    if not names:
        raise UsageError(f"--evaluators: name at least one, such as {EVALUATORS}.")
    for name in names:
        if shots := SHOTS.fullmatch(name):
            ways, number = map(int, shots.groups())
            yield f"{ways}-way {number}-shot", _episodes(ways, number, known)
            continue
        try:
            known.get("evaluator", name)
        except UsageError as error:
            form = "few-shot episodes are written '5-way 1-shot'." if re.search(r"\d.*(way|shot)", name) else ""
            raise UsageError(f"--evaluators {name}: {form or error}") from error
        yield name, {}


def _episodes(ways: int, shots: int, known: Registry) -> dict[str, Any]:
    for name, spec in known.named("evaluator").items():
        options = fields_of(spec.config)
        if {"ways", "shots"} <= options.keys():
            split = {"split": None} if type(None) in get_args(options.get("split")) else {}
            return {"use": name, "ways": ways, "shots": shots, **split}
    raise UsageError(f"--evaluators {ways}-way {shots}-shot: no installed evaluator draws episodes.")
