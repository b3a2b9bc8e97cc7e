"""Resolves `${...}` in a suite: references to other values of the same file, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.base.errors import UsageError
from harness.plugins.options import KeyPath
from harness.suite.yaml_reader import text_keys

MOST_RESOLVED = 200_000  # values: OmegaConf takes a kilobyte for each; of text, characters count
Where = Callable[[KeyPath], str]


def resolve(given: dict[str, Any], where: Where) -> dict[str, Any]:
    """Interpolations as OmegaConf resolves them; without any it need not load, nor wrap each value."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _References(given, where).check(given, ())
    try:
        values: Any = OmegaConf.to_container(OmegaConf.create(given), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        path = _path(getattr(error, "full_key", None) or "")
        first = str(error).partition("\n")[0].removesuffix(".")
        raise UsageError(f"{where(path)}: {first}.") from error
    return text_keys(values)


def _keys(reference: str) -> list[str]:
    """OmegaConf's `a.b[0]` as ["a", "b", "0"]."""
    return reference.replace("[", ".").replace("]", "").split(".")


def _path(reference: str) -> KeyPath:
    return tuple(int(key) if key.isdecimal() and len(key) < 10 else key for key in _keys(reference))


_KEY = r"[^\\{}()\[\]:.\s'\"$]+"
_REFERENCE = re.compile(rf"\$\{{\s*({_KEY}(?:\.{_KEY}|\[{_KEY}\])*)\s*\}}")


class _References:
    """What may be interpolated: other values of the document, by their whole path.

    OmegaConf's resolvers are refused: they read the environment (`oc.env`), and one imports any module (`oc.coerce`).
    """

    def __init__(self, values: dict[str, Any], where: Where) -> None:
        self.values = values
        self.where = where
        self.sizes: dict[str, int] = {}

    def check(self, value: Any, path: KeyPath) -> int:
        """How much a value is once resolved: values, and characters of text. Raises UsageError."""
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        size = 1 + sum(self.check(each, (*path, key)) for key, each in children)
        if isinstance(value, str) and "${" in value:
            if "${" in _REFERENCE.sub("", value):
                raise UsageError(
                    f"{self.where(path)}: an interpolation is written '${{key.path}}' and names another value "
                    "of this file; resolvers, such as oc.env, are not allowed."
                )
            size = len(value) + sum(map(self._target, _REFERENCE.findall(value)))
        elif isinstance(value, str):
            size = len(value)
        if size > MOST_RESOLVED:
            place = self.where(path)
            raise UsageError(f"{place}: with its interpolations, this is more than {MOST_RESOLVED:,} values.")
        return size

    def _target(self, reference: str) -> int:
        if reference not in self.sizes:
            self.sizes[reference] = 0  # while it is counted: what refers to itself is left to OmegaConf to name
            value: Any = self.values
            for key in _keys(reference):
                value = _child(value, key)
            self.sizes[reference] = self.check(value, _path(reference))
        return self.sizes[reference]


def _child(value: Any, key: str) -> Any:
    """None if there is none."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):
        return value[int(key)]
    return None
