"""Names of components and what they stand for; a component's module is imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

from harness.errors import UsageError, nearest
from harness.options import NoOptions
from harness.plugins import Origin, Plugins, Problem, installed

Kind = Literal["method", "backbone", "dataset", "evaluator", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Spec:
    """A registered component."""

    kind: Kind
    name: str
    target: str
    config: type
    origin: Origin
    summary: str = ""
    paper: str = ""
    budget: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import and return what `target` names. Raises UsageError that names the plugin if that fails."""
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise UsageError(f"{self.kind} '{self.name}' of {self.origin} cannot be loaded: {error}") from error


class Registry:
    """All components by kind and name."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self._specs: dict[Kind, dict[str, Spec]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            for origin, implementation in plugins.implementations(f"register_{kind}s"):
                plugins.call(f"register_{kind}s", origin, implementation, self._registrar(kind, origin))

    @property
    def problems(self) -> list[Problem]:
        return self.plugins.problems

    def all(self, kind: Kind) -> list[Spec]:
        return [spec for _, spec in sorted(self._specs[kind].items())]

    def get(self, kind: Kind, name: str) -> Spec:
        """Raises UsageError with the nearest known name."""
        if name not in self._specs[kind]:
            raise UsageError(f"there is no {kind} '{name}'.{nearest(name, self._specs[kind])}")
        return self._specs[kind][name]

    def _registrar(self, kind: Kind, origin: Origin) -> Any:
        def register(
            name: str,
            target: str,
            config: type = NoOptions,
            *,
            summary: str = "",
            paper: str = "",
            budget: Mapping[str, Any] | None = None,
        ) -> None:
            known = self._specs[kind].get(name)
            if known:
                self.plugins.problems.append(
                    Problem(origin, f"{kind} '{name}' is already registered by {known.origin}")
                )
                return
            self._specs[kind][name] = Spec(kind, name, target, config, origin, summary, paper, dict(budget or {}))

        return register


@cache
def registry() -> Registry:
    """The components of all installed plugins."""
    return Registry(installed())
