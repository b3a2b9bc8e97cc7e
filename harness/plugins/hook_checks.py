"""Finds the hooks of a plugin without running its code, as looking up an attribute may import or raise."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any

from harness.base.errors import nearest
from harness.plugins import hookspecs

KNOWN = {name: each for name, each in vars(hookspecs).items() if hasattr(each, "harness_spec")}
ROUTINES = (FunctionType, MethodType, staticmethod, classmethod)


def defined(plugin: object) -> dict[str, Any]:
    """What a plugin has by name, unbound: a module's own names, or those of an object and its class."""
    names: dict[str, Any] = {}
    kind = plugin if isinstance(plugin, type) else type(plugin)
    for each in (*reversed(kind.__mro__), plugin):
        names.update(getattr(each, "__dict__", {}))
    return names


def functions(plugin: object) -> dict[str, Any]:
    """Its functions that bear the name of a hook, marked or not."""
    names = defined(plugin)
    found = {name: getattr(plugin, name) for name in KNOWN if name in names}
    return {name: each for name, each in found.items() if inspect.isroutine(each)}


def marked(function: object) -> bool:
    return isinstance(getattr(function, "harness_impl", None), dict)


def misdeclared(plugin: object, hooks: Mapping[str, Any]) -> str:
    """What is wrong with the hooks of a plugin, or "": pluggy's own words name its innards, not the right name."""
    for name, each in defined(plugin).items():
        if name not in KNOWN and issubclass(type(each), ROUTINES) and marked(each):
            return f"there is no hook '{name}'.{nearest(name, KNOWN)}"
    for name, hook in hooks.items():
        given, takes = (list(inspect.signature(each).parameters) for each in (hook, KNOWN[name]))
        if not set(given) <= set(takes):
            return f"{name} takes ({', '.join(takes)}), not ({', '.join(given)})"
        if inspect.isgeneratorfunction(hook) or inspect.iscoroutinefunction(hook):
            return f"{name} is a generator or a coroutine, whose body a call does not run; it must be a plain function"
    return ""


def overlooked(found: Mapping[str, Any], hooks: Mapping[str, Any]) -> list[str]:
    """What is said of a plugin that is loaded, but not for what was meant: its functions that `functions` found and
    that are no hooks, or that it has none."""
    unmarked = [f"{name} is not marked with harness.hookimpl" for name in found if name not in hooks]
    return unmarked or ([] if hooks else ["implements no hook"])
