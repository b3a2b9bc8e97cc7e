"""The command line: one small module per command. A user's mistake is one message and exit code 2."""

from __future__ import annotations

import sys

import typer

from harness.cli.leaderboard import leaderboard
from harness.cli.list import list_components
from harness.cli.plan import plan
from harness.cli.run import run
from harness.cli.show import show
from harness.errors import UsageError

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure contrastive self-supervised learning and meta-learning in one matrix.",
)
app.command()(run)
app.command()(plan)
app.command("list")(list_components)
app.command()(show)
app.command()(leaderboard)


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def cell(context: typer.Context) -> None:
    """Train and score one cell of a plan: what executors run."""
    _job("cell", context)


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def prepare(context: typer.Context) -> None:
    """Load the data of a plan and check its combinations: what executors run first."""
    _job("prepare", context)


def _job(name: str, context: typer.Context) -> None:
    from harness.jobs import main as job

    raise typer.Exit(job([name, *context.args]))


def main() -> None:
    """The command `harness`."""
    try:
        app()
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:  # no file of the user's: a fault of ours, with its traceback
            raise
        print(f"harness: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
