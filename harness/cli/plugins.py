"""`harness plugins`: lists the plugins with their distributions, and those that are not in use with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.listing import drawn
from harness.plugins.compatibility import CONTRACT
from harness.plugins.local_files import use
from harness.plugins.manager import Origin
from harness.plugins.registry import KINDS, Registry, registry


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """Show which distribution brought which plugin, what each registers, and what is blocked or broken."""
    use(plugin)
    entries = list(described(registry()))
    if as_json:
        print(json.dumps({"contract": CONTRACT, "plugins": entries}, indent=1, ensure_ascii=False))
        return
    rows = [(each["plugin"], does(each), f"{each['distribution']} {each['version']}") for each in entries]
    print(drawn("plugins", "what it does", rows))


def described(known: Registry) -> Iterator[dict[str, Any]]:
    """Each plugin that was found, by distribution and name."""
    found = known.plugins
    loaded = set(found.origins.values())
    everyone = loaded | set(found.blocked) | {problem.origin for problem in found.problems}
    for origin in sorted(everyone, key=lambda each: (each.distribution, each.plugin)):
        registered = {kind: [n for n, s in known.named(kind).items() if s.origin == origin] for kind in KINDS}
        status = "loaded" if origin in loaded else "blocked" if origin in found.blocked else "refused"
        yield {
            "plugin": origin.plugin,
            "distribution": origin.distribution,
            "version": origin.version,
            "status": status,
            "registers": {kind: names for kind, names in registered.items() if names},
            "observes": observed(known, origin) if origin in loaded else [],
            "problems": [problem.message for problem in found.problems if problem.origin == origin],
        }


def observed(known: Registry, origin: Origin) -> list[str]:
    return [hook for hook in known.plugins.hooks_of(origin) if not hook.startswith("register_")]


def does(entry: dict[str, Any]) -> str:
    """In words: what it registers and observes, or that it is blocked or refused; then what is wrong."""
    parts = [f"{kind} {' '.join(names)}" for kind, names in entry["registers"].items()] + entry["observes"]
    unused = [entry["status"]] if entry["status"] != "loaded" else []
    return "; ".join([*filter(None, [", ".join(parts)]), *unused, *entry["problems"]])
