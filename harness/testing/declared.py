"""Conformance checks of the registration: options have types and help, and nothing heavy is imported."""

from __future__ import annotations

import dataclasses
import subprocess
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from harness.base.errors import UsageError
from harness.base.python import environment, python
from harness.plugins.manager import GROUP, Origin
from harness.plugins.options import as_plain, parse
from harness.plugins.registry import OF, Kind, registry
from harness.suite.cell import Component
from harness.testing.report import Fault

HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "matplotlib", "pandas", "tensorflow", "jax")


class Subject(Protocol):
    """What is checked: a registered component with its options."""

    @property
    def component(self) -> Component: ...


def component(kind: Kind, name: str, options: dict[str, Any]) -> Component:
    """A registered component with options. Raises UsageError if there is none, or if it refuses the options."""
    spec = registry().get(kind, name)
    of = dict(options.pop(OF, {})) if spec.combines else {}
    parts = {
        each: component(kind, own.get("use", each), {key: value for key, value in own.items() if key != "use"})
        for each, own in sorted(of.items())
    }
    return Component(spec, spec.config(**options), name, parts=parts)


def options_have_help(subject: Subject) -> None:
    """Every option says what it is: `harness show` and the reference are made of it."""
    for field in dataclasses.fields(subject.component.config):
        if not field.metadata.get("help"):
            raise Fault(
                f"the option '{field.name}' has no help",
                f'declare it as {field.name}: ... = option(default, "what it is, with its unit")',
            )


def options_are_typed(subject: Subject) -> None:
    """Every option's type is one that a suite can give, and its default is of that type."""
    try:
        again = parse(
            type(subject.component.config), as_plain(subject.component.config), lambda path: ".".join(map(str, path))
        )
    except UsageError as error:
        message = str(error).removesuffix(".")
        raise Fault(
            f"its own options cannot be given in a suite ({message})",
            "annotate with bool, int, float, str, Path, Literal, tuple or a dataclass, and give a default of that type",
        ) from error
    if again != subject.component.config:
        raise Fault(
            f"options given in a suite come out as {again}, not {subject.component.config}",
            "make the Config a frozen dataclass whose __post_init__ changes nothing",
        )


def registration_is_lazy(subject: Subject) -> None:
    """Loading the entry point and registering imports neither torch nor another module that has the component.

    A plugin that is a single file has the component in it, and only commands that are given the file wait for it.
    """
    spec = subject.component.spec
    lazy(spec.origin, f"register_{spec.kind}s", (spec.target.partition(":")[0],))


def lazy(origin: Origin, hook: str, targets: tuple[str, ...] = ()) -> None:
    """Raises Fault if the plugin's entry point, or its `hook`, imports what it must not. A file has no entry point."""
    if origin.is_file:
        return
    value = entry_of(origin).value
    watched = (*HEAVY, *(target for target in targets if target != value.partition(":")[0]))
    if loaded := imported(value, hook, watched):
        raise Fault(
            f"registration imports {loaded[0]}",
            f"import it where it is used, not in {value}: every `harness list` would wait for it",
        )


@cache
def imported(value: str, hook: str, watched: tuple[str, ...]) -> list[str]:
    """Which of `watched` an entry point "module:attribute" and its `hook` import, in a process of their own.

    Raises Fault if they fail there. Asked once for all components of an entry point.
    """
    module, _, attribute = value.partition(":")
    script = (
        f"import sys, importlib\nplugin = importlib.import_module({module!r})\n"
        f"for part in filter(None, {attribute!r}.split('.')): plugin = getattr(plugin, part)\n"
        f"if {hook!r}: getattr(plugin, {hook!r})(lambda *args, **options: None)\n"
        f"print(*[name for name in {watched!r} if name in sys.modules])"
    )
    done = subprocess.run(python("-c", script), capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise Fault(
            f"importing it alone fails: {(done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[-1]}",
            f"mend {value}",
        )
    return done.stdout.splitlines()[-1].split()  # a plugin may print as well


def entry_of(origin: Origin) -> EntryPoint:
    """The entry point of a plugin. Raises LookupError for one that is not installed."""
    for entry in entry_points(group=GROUP, name=origin.plugin):
        if entry.dist is None or entry.dist.name == origin.distribution:
            return entry
    raise LookupError(f"{origin} is not installed: `pip install -e .` in its folder")


EVERY = (options_have_help, options_are_typed, registration_is_lazy)
