"""The command line, with one module per command. A user's mistake is one message and exit code 2."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from harness.base.errors import FULL, UsageError, printable
from harness.cli.help import ABOUT, ABOUT_NO_PLUGINS, NO_PLUGINS, can_draw, text
from harness.cli.table import in_colour, terminal_width
from harness.running.job import run_job
from harness.running.job_command import CELL, PREPARE

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {  # in the order of `harness --help`
    "run": "harness.cli.run:run",
    "score": "harness.cli.score:score",
    "init": "harness.cli.init:init",
    "plan": "harness.cli.plan:plan",
    "list": "harness.cli.list:list_components",
    "plugins": "harness.cli.plugins:plugins",
    "show": "harness.cli.show:show",
    "leaderboard": "harness.cli.leaderboard:leaderboard",
    "report": "harness.cli.report:report",
    "compact": "harness.cli.compact:compact",
    "forget": "harness.cli.forget:forget",
    "export": "harness.cli.export:export",
    "new": "harness.cli.new:new",
    "doctor": "harness.cli.doctor.command:doctor",
    "baseline": "harness.cli.baseline:baseline",
    "check": "harness.cli.check:check",
    "compare": "harness.cli.compare:compare",
}


LONGEST_LINE = 1000  # of a message: it may quote what the user wrote


def app(names: Iterable[str] = COMMANDS) -> Typer:
    """The command with these commands; only their modules are imported."""
    import typer

    from harness.cli.complete import blockable

    made = typer.Typer(add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=ABOUT)

    def options(
        no_plugins: str = typer.Option(
            "", NO_PLUGINS, metavar="[=NAME]", help=ABOUT_NO_PLUGINS, autocompletion=blockable
        ),
    ) -> None:
        """Only for `--help`, as `main` takes it out of the arguments; without any, a single command were the whole."""

    made.callback()(options)
    for name in names:
        module, _, function = COMMANDS[name].partition(":")
        made.command(name)(getattr(import_module(module), function))
    return made


def main() -> None:
    """The command `harness`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this, such as a scheduler
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 (until the process ends)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a label may have letters that a terminal has not
    try:
        _command(_without_plugins(sys.argv[1:]))
        sys.stdout.flush()
    except BrokenPipeError:  # `harness list | head`: who read has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain when it ends
        sys.exit(1)
    except KeyboardInterrupt:  # before a command has begun; what runs says more
        print("harness: interrupted.", file=sys.stderr)
        sys.exit(130)
    except UsageError as error:
        print(f"harness: {_short(printable(str(error)))}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None and error.errno not in FULL:  # a fault of ours, with its traceback
            raise
        print(f"harness: {printable(str(error.filename or 'cannot write'))}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _short(message: str) -> str:
    return "\n".join(
        line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..." for line in message.split("\n")
    )


def _without_plugins(arguments: list[str]) -> list[str]:
    """Take --no-plugins out of the arguments and into the environment, which jobs inherit."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = [each for each in arguments[:end] if each == NO_PLUGINS or each.startswith(f"{NO_PLUGINS}=")]
    if given:
        from harness.plugins import manager  # not for --help

        names = [each.removeprefix(NO_PLUGINS).removeprefix("=") or manager.NOT_BUNDLED for each in given]
        before = filter(None, [os.environ.get(manager.NO_PLUGINS)])
        os.environ[manager.NO_PLUGINS] = ",".join([*before, *names])
    return [*(each for each in arguments[:end] if each not in given), *arguments[end:]]


def _command(arguments: list[str]) -> None:
    if arguments == ["--help"] and can_draw():
        print(text(terminal_width(), colour=in_colour()), end="")
        return
    if arguments[:1] in ([CELL], [PREPARE]):  # what executors run
        sys.exit(run_job(arguments))
    if arguments == ["list"]:  # nothing to parse, so typer need not load
        import_module("harness.cli.listing").show_components()
        return
    chosen = arguments[:1]
    app(chosen if chosen and chosen[0] in COMMANDS else COMMANDS)(args=arguments, prog_name="harness")
