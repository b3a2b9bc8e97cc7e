"""`harness run`: runs a suite and shows its leaderboard."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from harness.base.atomic_files import write_bytes
from harness.base.checkpoint_interval import DEFAULT
from harness.base.errors import UsageError
from harness.base.outcome import parse_retry
from harness.base.slugs import default_results
from harness.base.wording import quantity
from harness.cli import complete
from harness.cli.listing import report
from harness.plugins.local_files import use
from harness.plugins.registry import registry
from harness.running import session
from harness.running.display import Output, display_for, duration
from harness.running.engine import OPTION
from harness.running.run_options import RunOptions
from harness.running.session import Finished
from harness.running.supervisor import Limits
from harness.store.points import without_points
from harness.store.records import records_of
from harness.store.results_folder import CellFolder, Store
from harness.suite.cell import Cell
from harness.suite.document import scalar
from harness.suite.plan import Plan, selection
from harness.suite.suite import Suite, load_suite

if TYPE_CHECKING:
    from harness.reporting.leaderboard.tables import Table


def more_than_nothing(param: typer.CallbackParam, limit: float | None) -> float | None:
    """Raises UsageError for a limit that no cell could keep, or that is no number."""
    if limit is not None and not limit > 0:
        raise UsageError(f"{param.opts[0]} must be more than 0, not {limit:g}.")
    return limit


def options_of(arguments: Iterable[str]) -> dict[str, Any]:
    """--executor-option partition=gpu -> {"partition": "gpu"}; the last of a name counts. Raises UsageError."""
    given = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise UsageError(f"{OPTION} is written KEY=VALUE, not '{argument}'.")
        given[key] = scalar(value, f"{OPTION} {key}")
    return given


def run(
    suite: Annotated[Path, typer.Argument(help="a benchmarks.yaml", autocompletion=complete.suites)],
    budget: Annotated[
        str | None, typer.Option(metavar="NAME", help="one of the suite's `budgets`", show_default=False)
    ] = None,
    results: Annotated[Path | None, typer.Option(help="results folder", show_default="results/NAME")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=NAME[,NAME]",
            help="run only these cells, e.g. method=simclr,maml; repeatable",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="remove the results of these cells first, and run them again")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N", autocompletion=complete.devices)] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="cells at a time", show_default="one per GPU, or per core without"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            callback=more_than_nothing,
            metavar="N",
            help="threads of each cell, for the executor local",
            show_default="OMP_NUM_THREADS, or cores / workers",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            callback=more_than_nothing, metavar="SECONDS", help="end a cell that takes longer", show_default=False
        ),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            callback=more_than_nothing, metavar="GB", help="end a cell that holds more memory", show_default=False
        ),
    ] = None,
    retry: Annotated[
        str,
        typer.Option(
            metavar="STATUS[,STATUS]",
            help="run cells again that ended with this status: failed, timeout, oom, killed, interrupted; all or none",
        ),
    ] = "all",
    checkpoint_every: Annotated[
        str,
        typer.Option(
            metavar="TIME|STEPS",
            help="how often a training saves its state, to go on from if it is stopped: 30s, 5min, 100steps",
        ),
    ] = DEFAULT,
    profile: Annotated[bool, typer.Option("--profile", help="profile ten training steps of each cell")] = False,
    executor: Annotated[
        str | None,
        typer.Option(
            help="where cells run",
            autocompletion=complete.executors,
            show_default="as the suite says, or local",
        ),
    ] = None,
    executor_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="an option of the executor, instead of the suite's; repeatable",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="submit what is left and return; run again without --detach to attach")
    ] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """Train and score the unfinished cells of a suite, then write and show its leaderboard."""
    use(plugin)
    started = time.monotonic()
    known = registry()
    report(known)
    options = RunOptions(fresh, profile, parse_retry(retry), Limits(timeout, memory), checkpoint_every, detach)
    loaded = load_suite(suite, known, budget)
    console = Output()
    finished = execute(
        loaded,
        console,
        results=results,
        only=selection(only or []),
        device=device,
        workers=workers,
        threads=threads,
        executor=executor,
        executor_options=options_of(executor_option or []),
        options=options,
    )
    if detach:
        tell_detached(finished.statuses, console)
        return
    store = Store(finished.folder)
    if any(store.folder.glob("cells/*/cell.json")):
        forgets = f"--not-in {shlex.quote(str(suite))}" + (f" --budget {budget}" if budget else "")
        forgets += "".join(f" --plugin {shlex.quote(str(file))}" for file in plugin or ())
        show_leaderboard(store, Plan.of(loaded), console, forgets)
    failed = conclude(finished, console, started)
    raise typer.Exit(1 if failed else 0)


def execute(suite: Suite, console: Console, words: Callable[[str], str] = str, **arguments: Any) -> Finished:
    """`session.run` with a display, which says warnings in these words. Leaves with exit code 130 if interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by a scheduler: as if by Ctrl-C
    try:
        with display_for(console, words) as display:
            return session.run(suite, display=display, **arguments)
    except BrokenPipeError:
        print(
            "harness: the output was closed, so the run stopped. Finished cells are kept: run the same command again "
            "to continue, with its output in a file.",
            file=sys.stderr,
        )
        raise
    except KeyboardInterrupt:
        folder = arguments["results"] or default_results(suite.name)
        console.print(
            "Interrupted. Finished cells are kept, and trainings continue from their last checkpoint: run the same "
            f"command again to continue. Results: {folder}",
            soft_wrap=True,
        )
        raise typer.Exit(130) from None


def tell_detached(statuses: Mapping[str, str], console: Console) -> None:
    """Say what goes on without this command."""
    number = Counter(statuses.values())
    others = f", {number['running']} in another run" if number["running"] else ""
    console.print(
        f"{number['submitted']} of {quantity(len(statuses), 'cell')} submitted, {number['done']} done{others}. They "
        "run without this command; run it again without --detach to attach to them.",
        soft_wrap=True,
    )


def conclude(finished: Finished, console: Console, started: float) -> list[str]:
    """Say how many cells are done, and why others are not; those."""
    statuses, failed, store = finished.statuses, finished.failed, Store(finished.folder)
    console.print(
        f"{len(statuses) - len(failed)} of {quantity(len(statuses), 'cell')} done in "
        f"{duration(time.monotonic() - started)}."
    )
    for note in without_points(store, finished.plan):
        console.print(note, soft_wrap=True)
    for id_ in failed:
        console.print(why(store.cell(id_), statuses[id_], finished.plan.cells[id_]), soft_wrap=True)
    return failed


def why(folder: CellFolder, status: str, cell: Cell) -> Text:
    """A line for a cell that is not done."""
    log = max(folder.attempts.glob("*.log"), key=lambda path: (len(path.stem), path.stem), default=None)
    hint = (
        "another run has it"
        if status == "running"
        else f"see {log}"
        if log
        else (folder.failure() or {}).get("message") or "not started"
    )
    return Text.assemble((status, "red"), f": {cell.name()}; {hint}")


def publish(tables: Sequence[Table], store: Store, console: Console) -> None:
    """Show tables, and write them into the results folder."""
    from harness.reporting import leaderboard  # likewise

    published, path = registry().published(), store.folder / "leaderboard.md"
    write_bytes(path, leaderboard.render_tables(tables, "markdown", published).encode())
    leaderboard.show(tables, console, published)
    costs = f"harness leaderboard {shlex.quote(str(store.folder))} --costs"
    console.print(f"Leaderboard: {path}", soft_wrap=True)
    console.print(f"With costs: {costs}", soft_wrap=True)


def show_leaderboard(store: Store, plan: Plan, console: Console, forgets: str) -> None:
    """Write leaderboard.md into the results folder and show the tables: of what the suite asks for. `forgets`: what
    `harness forget` takes to remove all else."""
    from harness.reporting.leaderboard.tables import build  # pandas and scipy load slowly

    records = store.records()
    asked = records_of(plan, records)
    publish(build(asked), store, console)
    if older := len(records) - len(asked):
        folder = shlex.quote(str(store.folder))
        console.print(
            f"{quantity(older, 'more cell')} in {store.folder}, of other suites or of this one before it changed. "
            f"To see all: harness leaderboard {folder}. To list them, or with --yes remove them: harness forget "
            f"{folder} {forgets}",
            soft_wrap=True,
        )
