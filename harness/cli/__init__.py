"""The command line: one small module per command. A user's mistake is one message and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from harness import jobs
from harness.cli.help import ABOUT, can_draw, text
from harness.cli.table import in_colour, terminal_width
from harness.errors import UsageError

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {  # in the order of `harness --help`
    "run": "harness.cli.run:run",
    "plan": "harness.cli.plan:plan",
    "list": "harness.cli.list:list_components",
    "show": "harness.cli.show:show",
    "leaderboard": "harness.cli.leaderboard:leaderboard",
}


def app(names: Iterable[str] = COMMANDS) -> Typer:
    """The command with these commands; only their modules are imported."""
    import typer

    made = typer.Typer(add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=ABOUT)
    made.callback()(lambda: None)  # or typer would take a single command for the whole
    for name in names:
        module, _, function = COMMANDS[name].partition(":")
        made.command(name)(getattr(import_module(module), function))
    return made


def main() -> None:
    """The command `harness`."""
    try:
        _command(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # `harness list | head`: who read has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain when it ends
        sys.exit(1)
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:  # no file of the user's: a fault of ours, with its traceback
            raise
        print(f"harness: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _command(arguments: list[str]) -> None:
    if arguments == ["--help"] and can_draw():
        print(text(terminal_width(), colour=in_colour()), end="")
        return
    if arguments[:1] in ([jobs.CELL], [jobs.PREPARE]):  # what executors run
        sys.exit(jobs.main(arguments))
    if arguments == ["list"]:  # nothing to parse, so typer need not load
        import_module("harness.cli.listing").show_components()
        return
    chosen = arguments[:1]
    app(chosen if chosen and chosen[0] in COMMANDS else COMMANDS)()
