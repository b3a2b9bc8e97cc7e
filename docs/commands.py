"""Writes docs/cli.md from the program's own commands: `uv run python docs/commands.py`.

A command is a function whose parameters are annotated with `typer.Argument` or `typer.Option`, as `--help` reads them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from harness.cli import COMMANDS

PAGE = Path(__file__).parent / "cli.md"
HEAD = """\
# Commands

Every command with its arguments and options, made by `uv run python docs/commands.py` from the program; not edited by
hand. `harness COMMAND --help` prints the same. What exit codes mean: [exit codes](exit-codes.md).

`--no-plugins`, before or after the command, blocks every plugin that is not bundled; `--no-plugins=NAME` blocks the
plugin or the distribution of that name.

| command | what it does |
|---|---|
"""


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command."""

    name: str
    kinds: tuple[Any, ...]  # its type, or those of a union, or that of a list's entries
    many: bool
    default: Any  # inspect.Parameter.empty where it must be given
    info: ArgumentInfo | OptionInfo

    @property
    def value(self) -> str:
        """What stands for its value."""
        choices = [each.value for kind in self.kinds if issubclass(kind, Enum) for each in kind]
        return self.info.metavar or "|".join(choices) or self.name.upper()

    @property
    def written(self) -> str:
        """What a user writes for it."""
        if isinstance(self.info, ArgumentInfo):
            return self.value
        named = self.info.default  # in Annotated, typer keeps the first spelling here
        option = named if isinstance(named, str) else f"--{self.name.replace('_', '-')}"
        return option if self.kinds == (bool,) else f"{option} {self.value}"

    @property
    def usage(self) -> str:
        """Where an argument stands in the command line."""
        name = f"{self.value.rstrip('.')}..." if self.many else self.value
        return name if self.default is inspect.Parameter.empty else f"[{name}]"

    @property
    def shown_default(self) -> str:
        shown, value = self.info.show_default, self.default
        if isinstance(shown, str):
            return shown
        if value is inspect.Parameter.empty:
            return "needed"
        value = value.value if isinstance(value, Enum) else value
        return "" if not shown or value in (None, False, "") else f"`{value}`"


def parameters(command: Callable[..., Any]) -> Iterator[Parameter]:
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        if get_origin(hints[name]) is Annotated:
            kind, info = get_args(hints[name])
            kinds = tuple(each for each in get_args(kind) or (kind,) if each is not NoneType)
            many = any(get_origin(each) is list for each in (kind, *kinds))
            entries = tuple(get_args(each)[0] if get_origin(each) is list else each for each in kinds)
            yield Parameter(name, entries, many, parameter.default, info)


def function(name: str) -> Callable[..., Any]:
    """What a command calls."""
    module, _, attribute = COMMANDS[name].partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


def page() -> str:
    """The whole document."""
    commands = {name: function(name) for name in COMMANDS}
    about = {name: inspect.cleandoc(command.__doc__ or "") for name, command in commands.items()}
    rows = [f"| [`harness {name}`](#harness-{name}) | {cell(text.splitlines()[0])} |" for name, text in about.items()]
    sections = [line for name, command in commands.items() for line in section(name, about[name], command)]
    return HEAD + "\n".join([*rows, *sections, ""])


def section(name: str, about: str, command: Callable[..., Any]) -> Iterator[str]:
    taken = list(parameters(command))
    usage = " ".join([f"harness {name}", *(each.usage for each in taken if isinstance(each.info, ArgumentInfo))])
    yield from ("", f"## harness {name}", "", about, "", "```text", f"{usage} [OPTIONS]", "```", "")
    yield from ("| argument or option | default | what it is |", "|---|---|---|")
    for each in taken:
        yield f"| {cell(f'`{each.written}`')} | {cell(each.shown_default)} | {cell(each.info.help or '')} |"


def cell(text: str) -> str:
    """Text within a table; its backticks are code, as the help in the terminal means them."""
    return text.replace("<", "&lt;").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
