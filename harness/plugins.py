"""Finds and loads plugins. A plugin that cannot be loaded is a problem to report, never a reason to stop."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from harness import hookspecs

GROUP = "harness"


@dataclass(frozen=True)
class Origin:
    """The distribution that a plugin came in."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' ({self.distribution} {self.version})"


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one of its hooks, is not in use."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


class Plugins:
    """The loaded plugins, where each came from, and the problems met."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.origins: dict[str, Origin] = {}
        self.problems: list[Problem] = []

    def load(self, entry: EntryPoint) -> None:
        """Load and register what `entry` names, under "distribution:name": two may share an entry-point name."""
        metadata = entry.dist.metadata if entry.dist else {"Name": "unknown", "Version": "?"}  # parsed at each look
        origin = Origin(entry.name, metadata["Name"], metadata["Version"])
        try:
            plugin = entry.load()
        except Exception as error:  # noqa: BLE001 (whatever a stranger's module raises is reported, with its name)
            self.problems.append(Problem(origin, f"cannot be imported: {type(error).__name__}: {error}"))
            return
        self.add(plugin, origin)

    def add(self, plugin: object, origin: Origin) -> None:
        """Register a loaded plugin; refuse it whole if one of its hooks is misspelt or misdeclared."""
        key = f"{origin.distribution}:{origin.plugin}"
        try:
            self.manager.register(plugin, key)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self.manager.has_plugin(key):
                self.manager.unregister(name=key)
            self.problems.append(Problem(origin, " ".join(str(error).split())))
            return
        self.origins[key] = origin

    def implementations(self, hook: str) -> Iterator[tuple[Origin, Any]]:
        """Origin and implementation of `hook`, one plugin at a time, so that a failure can be named."""
        caller = getattr(self.manager.hook, hook)
        for implementation in caller.get_hookimpls():
            yield self.origins[implementation.plugin_name], implementation

    def call(self, hook: str, origin: Origin, implementation: Any, argument: Any) -> bool:
        """Call one implementation with the hook's one argument (or none, if it asks for none)."""
        try:
            implementation.function(*([argument] if implementation.argnames else []))
        except Exception as error:  # noqa: BLE001 (a plugin's failure is reported by name and must not spread)
            self.problems.append(Problem(origin, f"{hook} raised {type(error).__name__}: {error}"))
            return False
        return True

    def notify(self, hook: str, event: object) -> None:
        """Tell every observer; one that raises is named in a warning and the others are still told."""
        for origin, implementation in self.implementations(hook):
            if not self.call(hook, origin, implementation, event):
                warnings.warn(str(self.problems[-1]), RuntimeWarning, stacklevel=2)


@cache
def installed() -> Plugins:
    """The plugins of all installed distributions."""
    plugins = Plugins()
    seen = set()
    named = [((entry.dist.name if entry.dist else "", entry.name), entry) for entry in entry_points(group=GROUP)]
    for key, entry in sorted(named, key=lambda each: each[0]):
        if key not in seen:  # a distribution found twice on the path
            seen.add(key)
            plugins.load(entry)
    return plugins
