"""Names of components and what they stand for; a component's module is imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from typing import Any, Literal, get_args

from harness.errors import UsageError, nearest
from harness.options import NoOptions, fields_of
from harness.plugins import Origin, Plugins, Problem, installed
from harness.published import Published, misstated

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
    published: tuple[Published, ...] = ()

    def load(self) -> Any:
        """Import and return what `target` names. Raises UsageError that names the plugin if that fails."""
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # whatever a stranger's module raises
            reason = (
                str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
            )
            raise UsageError(f"{self.kind} '{self.name}' of {self.origin} cannot be loaded: {reason}") from error


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

    def published(self) -> list[Published]:
        """What all components state."""
        return [each.stated_by(kind, spec.name) for kind in KINDS for spec in self.all(kind) for each in spec.published]

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
            published: Sequence[Published] = (),
        ) -> None:
            known = self._specs[kind].get(name)
            texts = {"name": name, "summary": summary, "paper": paper}
            taken = f"is already registered by {known.origin}" if known else ""
            mistake = taken or misregistered(texts, target, config) or misstated(published)
            if mistake:
                self.plugins.problems.append(Problem(origin, f"{kind} '{name}' {mistake}"))
                return
            recipe = dict(budget or {})
            self._specs[kind][name] = Spec(kind, name, target, config, origin, summary, paper, recipe, tuple(published))

        return register


def misregistered(texts: Mapping[str, Any], target: Any, config: Any) -> str:
    """What is wrong with what a plugin registers, or ""."""
    for what, text in texts.items():
        if not isinstance(text, str) or not (text or what != "name"):
            return f"is registered with the {what} {text!r}, which is no text"
    if not isinstance(target, str) or target.count(":") != 1:
        return f"is registered with {target!r}, which is not 'package.module:attribute'"
    if not (isinstance(config, type) and is_dataclass(config)):
        return f"is registered with options {config!r}, which are no dataclass"
    try:
        fields_of(config)
    except Exception as error:  # noqa: BLE001 (annotations are code of the plugin's)
        return f"has options whose types cannot be read: {error}"
    return ""


@cache
def registry() -> Registry:
    """The components of all installed plugins."""
    return Registry(installed())
