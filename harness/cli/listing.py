"""What is installed, as text. Apart from the command `list`, so that it can be shown without typer."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from harness.cli.table import Column, in_colour, lines, styled, terminal_width
from harness.errors import UsageError, nearest, shown
from harness.plugins import Origin
from harness.registry import KINDS, Kind, Registry, registry


def show_components(kind: str | None = None) -> None:
    """Print the components of one kind, or of all, or the plugins. Raises UsageError for a kind that there is not."""
    if kind in (PLUGIN, f"{PLUGIN}s"):
        print(_plugins(registry()))
        return
    kinds = KINDS if kind is None else tuple(each for each in KINDS if kind in (each, f"{each}s"))
    if not kinds:
        raise UsageError(f"there is no kind '{kind}'.{nearest(kind or '', (*KINDS, PLUGIN))}")
    known = registry()
    for each in kinds:
        print(_table(each, known))
    report(known)


PLUGIN = "plugin"


def report(known: Registry) -> None:
    """Say on standard error which plugins are not in use, and why."""
    for problem in known.problems:
        print(styled(shown(f"warning: {problem}"), "yellow", sys.stderr.isatty()), file=sys.stderr)


def _table(kind: Kind, known: Registry) -> str:
    return _drawn(
        f"{kind}s",
        "what it is",
        [(name, spec.summary, spec.origin.distribution) for name, spec in known.named(kind).items()],
    )


def _plugins(known: Registry) -> str:
    """Which distribution brought which plugin, and what that does; also those that are blocked or cannot be used."""
    plugins = known.plugins
    uses = {origin: ", ".join(_does(origin, known)) for origin in plugins.origins.values()}
    uses |= dict.fromkeys(plugins.blocked, "blocked")
    for problem in plugins.problems:
        uses[problem.origin] = "; ".join(filter(None, [uses.get(problem.origin, ""), problem.message]))
    origins = sorted(uses, key=lambda origin: (origin.distribution, origin.plugin))
    rows = [(origin.plugin, uses[origin], f"{origin.distribution} {origin.version}") for origin in origins]
    return _drawn("plugins", "what it does", rows)


def _does(origin: Origin, known: Registry) -> Iterator[str]:
    """What a plugin registered, kind by kind, and what else it implements."""
    for kind in KINDS:
        if names := [spec.name for spec in known.all(kind) if spec.origin == origin]:
            yield f"{kind} {' '.join(names)}"
    yield from (hook for hook in known.plugins.hooks_of(origin) if not hook.startswith("register_"))


def _drawn(title: str, what: str, rows: list[tuple[str, str, str]]) -> str:
    columns = (Column("name", "cyan", wraps=False), Column(what), Column("from", "dim", wraps=False))
    colour = in_colour()
    return "\n".join([styled(title, "bold", colour), *lines(columns, rows, terminal_width(), colour=colour)])
