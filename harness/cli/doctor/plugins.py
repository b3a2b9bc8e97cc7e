"""Checks which plugins are in use, and whether their components can be imported."""

from __future__ import annotations

from collections.abc import Iterator

from harness.base.errors import UsageError
from harness.cli.doctor.finding import Finding
from harness.plugins.manager import Origin
from harness.plugins.registry import KINDS, Registry

AREA = "plugins"


def look(known: Registry) -> Iterator[Finding]:
    loaded = list(known.plugins.origins.values())
    yield Finding(AREA, "loaded", f"{len(loaded)}, of {len({each.distribution for each in loaded})} distributions")
    if blocked := known.plugins.blocked:
        yield Finding(AREA, "blocked", ", ".join(each.plugin for each in blocked))
    for problem in known.problems:
        found = f"{problem.origin.distribution} {problem.origin.version}: {problem.message}"
        yield Finding(AREA, problem.origin.plugin, found, problem.advice or advice(problem.origin))
    for kind in KINDS:
        yield components(known, kind)
    yield from unimportable(known)


def advice(origin: Origin) -> str:
    return f"Mend it: pip install -U {origin.distribution}; or do without it: --no-plugins={origin.plugin}"


def components(known: Registry, kind: str) -> Finding:
    names = [name for each in KINDS if each == kind for name in known.named(each)]
    if names:
        return Finding(AREA, f"{kind}s", ", ".join(names))
    return Finding(AREA, f"{kind}s", "none", 'Without one, no suite can run: pip install "rep-harness[all]"')


def unimportable(known: Registry) -> Iterator[Finding]:
    """Components whose modules fail: `harness list` imports none of them, a cell would."""
    for kind in KINDS:
        for spec in known.all(kind):
            try:
                spec.load()
            except UsageError as error:
                yield Finding(AREA, spec.origin.plugin, str(error), advice(spec.origin))
