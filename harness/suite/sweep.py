"""Options with several values: one component for each combination."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from harness.plugins.options import accepts_list, fields_of


def sweep(config: type, values: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each combination of the listed values of options that take one value: (all options, the swept ones)."""
    kinds = fields_of(config)
    axes: list[list[tuple[str, Any, dict[str, Any]]]] = []
    for key, value in values.items():
        kind = kinds.get(key)
        if dataclasses.is_dataclass(kind) and isinstance(value, dict):
            inner = sweep(cast(type, kind), value)
            axes.append(
                [(key, options, {f"{key}.{name}": each for name, each in swept.items()}) for options, swept in inner]
            )
        elif isinstance(value, list) and kind is not None and _is_sweep(kind, value):
            axes.append([(key, each, {key: each}) for each in value])
        else:
            axes.append([(key, value, {})])
    for choice in itertools.product(*axes):
        swept = {name: value for _, _, part in choice for name, value in part.items()}
        yield {key: value for key, value, _ in choice}, swept


def number(config: type, values: Mapping[str, Any]) -> int:
    """How many combinations `sweep` gives."""
    kinds = fields_of(config)

    def of(key: str, value: Any) -> int:
        kind = kinds.get(key)
        if dataclasses.is_dataclass(kind) and isinstance(value, dict):
            return number(cast(type, kind), value)
        return len(value) if isinstance(value, list) and kind is not None and _is_sweep(kind, value) else 1

    return math.prod(of(key, value) for key, value in values.items())


def _is_sweep(kind: Any, value: list[Any]) -> bool:
    return bool(value) and (not accepts_list(kind) or isinstance(value[0], list))


def label(name: str, options: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key}={_short(value)}" for key, value in options.items() if not isinstance(value, dict))
    return f"{name} ({shown})" if shown else name


def _short(value: Any) -> str:
    return (
        "-".join(map(_short, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
