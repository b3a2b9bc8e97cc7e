"""Finds, loads and blocks plugins. A plugin that cannot be loaded is reported, and the others work."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points, requires
from types import ModuleType
from typing import Any

import pluggy

from harness.base.errors import UsageError, nearest, printable
from harness.base.stop_signal import Interrupted
from harness.plugins import compatibility, hook_checks, hookspecs, local_files

GROUP = "harness"
CORE = compatibility.CORE
NO_PLUGINS = "HARNESS_NO_PLUGINS"  # names, parted by commas; jobs inherit it from the command that starts them
NOT_BUNDLED = "all"  # stands for every plugin that is not one of ours
FILE = "file "  # begins the version of a plugin that is a file; its digest follows


@dataclass(frozen=True)
class Origin:
    """The distribution that a plugin came in."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' ({self.distribution} {self.version})"

    @property
    def is_file(self) -> bool:
        """Whether it is a file that --plugin gives, and not installed."""
        return self.version.startswith(FILE)

    @property
    def place(self) -> str:
        """Where it is, for messages: 'the file mine.py', or 'the installed harness-mine 1.0'."""
        return f"the file {self.distribution}" if self.is_file else f"the installed {self.distribution} {self.version}"


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one of its hooks, is not in use. `advice`: what to do, where the message does not say it."""

    origin: Origin
    message: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


class Plugins:
    """The loaded plugins, where each came from, and the problems met."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.origins: dict[str, Origin] = {}
        self.sources: dict[str, object] = {}
        self.blocked: list[Origin] = []
        self.problems: list[Problem] = []

    @contextmanager
    def reporting(self, origin: Origin, what: str) -> Iterator[None]:
        """Whatever a stranger's code raises inside is a problem of its plugin; what stops us by a signal goes on."""
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit, Interrupted):
            raise
        except BaseException as error:  # noqa: BLE001 (it must not spread, whatever it derives from)
            self.problems.append(Problem(origin, f"{what} {type(error).__name__}: {error}"))

    def load(self, entry: EntryPoint) -> None:
        """Load and register what `entry` names, under "distribution:name": two may share an entry-point name."""
        origin = origin_of(entry)
        with self.reporting(origin, "cannot be imported:"):
            if wants := compatibility.unmet(entry.dist.requires if entry.dist else None):
                self.problems.append(Problem(origin, f"needs {wants}", f"pip install -U {CORE} {origin.distribution}"))
                return
            self.add(entry.load(), origin)

    def add(self, plugin: object, origin: Origin) -> None:
        """Register a loaded plugin, once; refuse it whole if one of its hooks is misspelt or misdeclared."""
        key = f"{origin.distribution}:{origin.plugin}"
        with self.reporting(origin, "cannot be used:"):
            found = hook_checks.functions(plugin)
            marked = {name: each for name, each in found.items() if hook_checks.marked(each)}
            mistake = (
                self._repeated(key, plugin) or hook_checks.misdeclared(plugin, marked) or self._register(key, marked)
            )
            if mistake:
                self.problems.append(Problem(origin, mistake))
                return
            self.origins[key], self.sources[key] = origin, plugin
            self.problems += [Problem(origin, each) for each in hook_checks.overlooked(found, marked)]

    def _repeated(self, key: str, plugin: object) -> str:
        """Which plugin this one is again, or ""."""
        for other, origin in self.origins.items():
            if other == key or self.sources[other] is plugin:
                return f"is not used, as its {'name' if other == key else 'module'} is that of {origin}"
        return ""

    def _register(self, key: str, marked: Mapping[str, Any]) -> str:
        """Why not, or "". Of a plugin, pluggy is given the hooks alone: it would look at all that there is."""
        module = ModuleType(key)
        vars(module).update(marked)
        try:
            self.manager.register(module, key)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            if self.manager.has_plugin(key):
                self.manager.unregister(name=key)
            return " ".join(str(error).split())
        return ""

    def hooks_of(self, origin: Origin) -> list[str]:
        """The names of the hooks that a loaded plugin implements."""
        plugin = self.manager.get_plugin(f"{origin.distribution}:{origin.plugin}")
        return sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or [])

    def implementations(self, hook: str) -> Iterator[tuple[Origin, Any]]:
        """Origin and implementation of `hook`, one plugin at a time, so that a failure can be named."""
        caller = getattr(self.manager.hook, hook)
        for implementation in caller.get_hookimpls():
            yield self.origins[implementation.plugin_name], implementation

    def call(self, hook: str, origin: Origin, implementation: Any, argument: Any) -> bool:
        """Call one implementation with the hook's one argument (or none, if it asks for none)."""
        with self.reporting(origin, f"{hook} raised"):
            implementation.function(*([argument] if implementation.argnames else []))
            return True
        return False

    def notify(self, hook: str, event: object) -> None:
        """Tell every observer. One that raises is named in a line on standard error, which a cell's process has in its
        log: once for each thing it says, as it may say it of every step. The others are still told.

        Each gets an event of its own: what it makes of the mappings in it reaches neither the records nor the others.
        """
        for origin, implementation in self.implementations(hook):
            if self.call(hook, origin, implementation, deepcopy(event)):
                continue
            problem = self.problems.pop()
            if problem not in self.problems:
                self.problems.append(problem)
                print(printable(" ".join(f"harness: warning: {problem}".split())), file=sys.stderr, flush=True)


def origin_of(entry: EntryPoint) -> Origin:
    metadata: Any = entry.dist.metadata if entry.dist else {}  # parsed at each look; an installation may be damaged
    return Origin(entry.name, metadata.get("Name") or "unknown", metadata.get("Version") or "?")


@cache
def installed_plugins() -> Plugins:
    """The plugins of all installed distributions, but for those that $HARNESS_NO_PLUGINS blocks, and --plugin's files.

    A file stands for a distribution, whose version is its content: a changed file has cells of its own.

    Raises UsageError if it names one that is not there: a slip of the hand must not let a plugin in.
    """
    plugins = Plugins()
    entries = found()
    blocks = blocking(entries, filter(None, os.environ.get(NO_PLUGINS, "").split(",")))
    for entry in entries:
        if entry in blocks:
            plugins.blocked.append(origin_of(entry))
        else:
            plugins.load(entry)
    for module, name, content in local_files.loaded():
        plugins.add(module, Origin(module.__name__, name, f"{FILE}{content}"))
    return plugins


def found() -> list[EntryPoint]:
    """All entry points of plugins, by distribution and name, without repetitions of the search path."""
    named = {(distribution(entry), entry.name): entry for entry in reversed(list(entry_points(group=GROUP)))}
    return [entry for _, entry in sorted(named.items())]


def distribution(entry: EntryPoint) -> str:
    dist: Distribution | None = entry.dist
    return (dist.name if dist else "") or ""


def blocking(entries: Iterable[EntryPoint], names: Iterable[str]) -> set[EntryPoint]:
    """The entries that `names` block: a plugin or a distribution each, or all that are not bundled."""
    blocked: set[EntryPoint] = set()
    entries = list(entries)
    for name in map(str.strip, names):
        chosen = {entry for entry in entries if name in (entry.name, distribution(entry))}
        if name == NOT_BUNDLED:
            chosen |= {entry for entry in entries if distribution(entry) not in bundled()}
        elif not chosen:
            known = {each for entry in entries for each in (entry.name, distribution(entry))}
            raise UsageError(f"--no-plugins: there is no plugin '{name}'.{nearest(name, known)}")
        blocked |= chosen
    return blocked


def bundled() -> set[str]:
    """Our own distributions of plugins, as the extras of our metadata list them."""
    wanted = [each for each in requires(CORE) or () if "extra ==" in each and each.startswith(f"{CORE}-")]
    return {re.split(r"[ ;\[(<>=!~]", each)[0] for each in wanted}
