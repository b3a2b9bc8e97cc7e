"""Writes docs/options.md from the Config classes of the bundled plugins: `uv run python docs/options.py`.

It imports no component, and so no torch: options are declared where registration happens.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.plugins.manager import bundled
from harness.plugins.options import as_plain, fields_of, type_name
from harness.plugins.registry import KINDS, Registry, Spec, registry
from harness.reporting.leaderboard.markdown import escape
from harness.suite.budget import Budget

PAGE = Path(__file__).parent / "options.md"
HEAD = """\
# Options

All options of all bundled components. [suites.md](suites.md) shows where to set them. `harness show KIND NAME` prints
those of your installation. `uv run python docs/options.py` makes this page from the `Config` classes; do not edit it
by hand. Options marked ◦ do not affect a result and are in no cell's id.
"""
TITLES = {"dataset": "Data sets"}


def page(known: Registry) -> str:
    """The whole document."""
    ours = {kind: [spec for spec in known.all(kind) if spec.origin.distribution in bundled()] for kind in KINDS}
    parts = [HEAD, *section("Budget", Budget, "What every method has, in a suite's `budget` and a method's own.")]
    for kind, specs in ours.items():
        parts += ["", f"## {TITLES.get(kind, f'{kind.capitalize()}s')}"]
        for spec in specs:
            parts += component(spec)
    for nested in groups(spec.config for specs in ours.values() for spec in specs):
        parts += section(nested.__name__, nested, inspect.getdoc(nested) or "")
    return "\n".join([*parts, ""])


def section(title: str, config: type, text: str) -> list[str]:
    return ["", f"## {title}", "", text, "", *table(config)]


def component(spec: Spec) -> list[str]:
    about = f"{spec.summary} ({spec.paper})." if spec.paper else f"{spec.summary}."
    recipe = ", ".join(f"{key} {value}" for key, value in spec.budget.items())
    rows = table(spec.config) if fields_of(spec.config) else ["No options."]
    return ["", f"### {spec.name}", "", escape(about), *(["", f"Recipe: {recipe}."] if recipe else []), "", *rows]


def table(config: type) -> list[str]:
    kinds = fields_of(config)
    rows = ["| option | type | default | what it is |", "|---|---|---|---|"]
    for field in dataclasses.fields(config):
        kind = kinds[field.name]
        takes = f"[{kind.__name__}](#{kind.__name__.lower()})" if is_nested(kind) else escape(type_name(kind))
        mark = "" if field.metadata.get("identity", True) else " ◦"
        about = escape(field.metadata.get("help", ""))
        rows.append(f"| `{field.name}`{mark} | {takes} | {escape(default(field))} | {about} |")
    return rows


def default(field: dataclasses.Field[Any]) -> str:
    """As a suite would say it."""
    if field.default_factory is not dataclasses.MISSING:
        given = {name: value for name, value in as_plain(field.default_factory()).items() if value is not None}
        return str(given or "nothing")
    if field.default is dataclasses.MISSING:
        return "needed"
    value = field.default
    if value is None or value == "":
        return "none"
    return json.dumps(value) if isinstance(value, bool | tuple) else str(value)


def groups(configs: Iterable[type]) -> Iterator[type]:
    """The dataclasses that options consist of, each once."""
    kinds = [kind for config in configs for kind in fields_of(config).values()]
    yield from dict.fromkeys(filter(is_nested, kinds))


def is_nested(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


if __name__ == "__main__":
    PAGE.write_text(page(registry()), encoding="utf-8")
