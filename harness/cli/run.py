"""`harness run`: the main job, from a suite to a leaderboard."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from harness.base.atomic_files import write_bytes
from harness.base.checkpoint_interval import DEFAULT
from harness.base.errors import UsageError
from harness.base.outcome import parse_retry
from harness.base.slugs import default_results
from harness.cli import complete
from harness.cli.executor import check_device, engine_of, modules, options_of, require
from harness.cli.listing import report
from harness.plugins.executors import Resources
from harness.plugins.local_files import use
from harness.plugins.registry import registry
from harness.running.display import Output, display_for, duration
from harness.running.session import Options
from harness.running.session import run as run_plan
from harness.running.supervisor import Limits
from harness.store.records import records_of
from harness.store.results_folder import CellFolder, Store
from harness.suite.cell import Cell
from harness.suite.plan import Plan, selection
from harness.suite.suite import Suite, load_suite


def more_than_nothing(param: typer.CallbackParam, limit: float | None) -> float | None:
    """Raises UsageError for a limit that no cell could keep, or that is no number."""
    if limit is not None and not limit > 0:
        raise UsageError(f"{param.opts[0]} must be more than 0, not {limit:g}.")
    return limit


def run(
    suite: Annotated[Path, typer.Argument(help="a benchmarks.yaml", autocompletion=complete.suites)],
    budget: Annotated[
        str | None, typer.Option(metavar="NAME", help="one of the suite's `budgets`", show_default=False)
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="results folder  [default: results/NAME]", show_default=False)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=NAME[,NAME]", help="run some cells, e.g. method=simclr,maml", show_default=False),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget the results of these cells first")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N", autocompletion=complete.devices)] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="cells at a time  [default: one per GPU, or per core without]", show_default=False),
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
            help="which earlier ends run again: failed, timeout, oom, killed, interrupted; all or none",
        ),
    ] = "all",
    checkpoint_every: Annotated[
        str, typer.Option(metavar="TIME|STEPS", help="how much of a killed training is lost: 30s, 5min, 100steps")
    ] = DEFAULT,
    profile: Annotated[bool, typer.Option("--profile", help="profile ten training steps of each cell")] = False,
    executor: Annotated[
        str | None,
        typer.Option(
            help="where cells run; by default as the suite says, or local",
            autocompletion=complete.executors,
            show_default=False,
        ),
    ] = None,
    executor_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="an option of the executor, over the suite's; repeatable", show_default=False
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="submit what is left, and leave; run again without to attach")
    ] = False,
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="try a plugin that is not installed", show_default=False)
    ] = None,
) -> None:
    """Train and score what is left of a suite, then write and show its leaderboard."""
    use(plugin)
    started = time.monotonic()
    known = registry()
    report(known)
    options = Options(fresh, profile, parse_retry(retry), Limits(timeout, memory), checkpoint_every, detach)
    given = options_of(executor_option or [])
    loaded = load_suite(suite, known, budget)
    plan = Plan.of(loaded).only(selection(only or []))
    store = Store(results or default_results(loaded.name))
    console = Output()
    statuses = execute(loaded, plan, store, console, options, device, workers, executor, given)
    if detach:
        tell_detached(statuses, console)
        return
    if any(store.folder.glob("cells/*/cell.json")):
        show_leaderboard(store, Plan.of(loaded), console)
    failed = conclude(statuses, plan, store, console, started)
    raise typer.Exit(1 if failed else 0)


def execute(
    suite: Suite,
    plan: Plan,
    store: Store,
    console: Console,
    options: Options,
    device: str,
    workers: int | None,
    executor: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Run what is left of a suite's plan; how its cells stand then. Leaves with exit code 130 if it is interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by a scheduler: as if by Ctrl-C
    resources = Resources(check_device(device), workers, tuple(modules(plan)), store.folder)
    name, engine = engine_of(suite, executor, given or {}, resources)
    left = False  # to itself, by `detach`
    try:
        require(engine, name, plan, options)
        before = Counter(store.statuses(plan).values())
        shared = f", {before['running']} in another run" if before["running"] else ""
        console.print(
            f"{suite.name}: {len(plan.cells)} cells, {before['done']} already done{shared}; results in {store.folder}",
            soft_wrap=True,
        )
        with display_for(console) as display:
            statuses = run_plan(plan, store, engine, display, options)
        if options.detach:
            left = True
            engine.detach()
    except BrokenPipeError:
        print(
            "harness: whoever read the output has left, so the run stopped. What is done is kept: run the same command "
            "again to go on, with its output in a file.",
            file=sys.stderr,
        )
        raise
    except KeyboardInterrupt:
        console.print(
            "Interrupted. What is done is kept, and trainings go on from their last checkpoint: run the same command "
            f"again to go on. Results: {store.folder}",
            soft_wrap=True,
        )
        raise typer.Exit(130) from None
    finally:
        if not left:
            engine.close()
    return statuses


def tell_detached(statuses: Mapping[str, str], console: Console) -> None:
    """Say what goes on without this command."""
    number = Counter(statuses.values())
    others = f", {number['running']} in another run" if number["running"] else ""
    console.print(
        f"{number['submitted']} of {len(statuses)} cells are submitted, {number['done']} done{others}. They go on "
        "without this command; the same one without --detach attaches to them.",
        soft_wrap=True,
    )


def conclude(statuses: Mapping[str, str], plan: Plan, store: Store, console: Console, started: float) -> list[str]:
    """Say how many cells are done, and why others are not; those."""
    failed = [id_ for id_, status in statuses.items() if status != "done"]
    console.print(
        f"{len(statuses) - len(failed)} of {len(statuses)} cells done in {duration(time.monotonic() - started)}."
    )
    for id_ in failed:
        console.print(why(store.cell(id_), statuses[id_], plan.cells[id_]), soft_wrap=True)
    return failed


def why(folder: CellFolder, status: str, cell: Cell) -> Text:
    """A line for a cell that is not done."""
    log = max(folder.attempts.glob("*.log"), key=lambda path: (len(path.stem), path.stem), default=None)
    hint = "another run has it" if status == "running" else f"see {log}" if log else "not started"
    return Text.assemble((status, "red"), f": {cell.name()}; {hint}")


def show_leaderboard(store: Store, plan: Plan, console: Console) -> None:
    """Write leaderboard.md into the results folder and show the tables: of what the suite asks for."""
    from harness.reporting import leaderboard  # pandas and scipy load slowly

    records, published = store.records(), registry().published()
    asked = records_of(plan, records)
    path = store.folder / "leaderboard.md"
    write_bytes(path, leaderboard.render(asked, "markdown", published).encode())
    leaderboard.show(asked, console, published)
    console.print(f"Leaderboard: {path}", soft_wrap=True)
    if older := len(records) - len(asked):
        console.print(
            f"{older} more cells in {store.folder} are of other suites, or of this one before it changed: 'harness "
            f"leaderboard {store.folder}' shows them, 'harness forget {store.folder} --not-in SUITE' removes them.",
            soft_wrap=True,
        )
