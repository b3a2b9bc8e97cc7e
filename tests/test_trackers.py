"""The examples of docs/observers.md, against stand-ins of wandb and mlflow, which are not installed."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import CellFinished, CellStarted, StepLogged
from harness.plugins.manager import Origin, Plugins
from tests import pages

SHOWN = pages.files("observers.md")
CELL = {
    "suite": "quickstart",
    "method": {"label": "simclr", "options": {"temperature": 0.2}},
    "backbone": {"label": "conv4"},
    "dataset": {"label": "glyphs"},
    "seed": 3,
    "budget": {"steps": 2, "lr": 0.1},
}
NAME = "simclr · conv4 · glyphs · seed 3"


def example(name: str) -> Plugins:
    module = types.ModuleType(name)
    exec(compile(SHOWN[f"{name}.py"], f"docs/observers.md: {name}.py", "exec"), vars(module))
    plugins = Plugins()
    plugins.add(module, Origin(name, name, "1.0"))
    assert sorted(plugins.hooks_of(Origin(name, name, "1.0"))) == ["cell_finished", "cell_started", "step_logged"]
    return plugins


def drive(plugins: Plugins, folder: Path) -> None:
    """What one cell of two steps sends."""
    plugins.notify("cell_started", CellStarted(CELL, folder))
    for step, loss in ((1, 0.5), (2, 0.25)):
        plugins.notify("step_logged", StepLogged(CELL, step, 2, {"loss": loss}))
    plugins.notify("cell_finished", CellFinished(CELL, "ok", {"knn accuracy": 0.75}, folder))
    assert not plugins.problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "0123456789abcdef"
    path.mkdir()
    return path


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(name: str, **members: Any) -> None:
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)

    return put


def test_wandb_gets_the_curve_and_the_scores_in_one_run(stand_in: Callable[..., None], folder: Path) -> None:
    calls: list[Any] = []

    class Run:
        summary: dict[str, Any] = {}  # noqa: RUF012 (one run, as a service would have it)

        def finish(self, exit_code: int) -> None:
            calls.append(("finish", exit_code))

    def init(**given: Any) -> Run:
        calls.append(("init", given["project"], given["id"], given["resume"], given["name"]))
        assert given["config"]["options"] == {"temperature": 0.2}
        assert given["config"]["seed"] == 3
        return Run()

    def log(metrics: dict[str, float], step: int) -> None:
        calls.append(("log", step, metrics))

    stand_in("wandb", init=init, log=log, finish=lambda: calls.append("uploaded"))
    drive(example("harness_wandb"), folder)
    begun = ("init", "quickstart", "0123456789abcdef", "allow", NAME)
    curve = [("log", 1, {"loss": 0.5}), ("log", 2, {"loss": 0.25})]
    assert calls == [begun, *curve, "uploaded", begun, ("finish", 0)]
    assert Run.summary == {"knn accuracy": 0.75, "status": "ok"}


def test_mlflow_gets_the_curve_and_the_scores_in_one_run(stand_in: Callable[..., None], folder: Path) -> None:
    calls: list[Any] = []

    class Run:
        info = types.SimpleNamespace(run_id="run-7")

        def __enter__(self) -> Run:
            return self

        def __exit__(self, *_: object) -> None:
            calls.append("end")

    class Client:
        def set_terminated(self, run_id: str, status: str) -> None:
            calls.append((run_id, status))

    def start_run(**given: str) -> Run:
        calls.append(given)
        return Run()

    def log_metrics(metrics: dict[str, float], step: int | None = None) -> None:
        calls.append((step, metrics))

    stand_in(
        "mlflow",
        set_experiment=calls.append,
        start_run=start_run,
        log_params=calls.append,
        log_metrics=log_metrics,
        MlflowClient=Client,
    )
    drive(example("harness_mlflow"), folder)
    axes = {"method": "simclr", "backbone": "conv4", "dataset": "glyphs", "seed": 3}
    assert calls == [
        "quickstart",
        {"run_name": NAME},
        {**axes, "budget steps": 2, "budget lr": 0.1},
        (1, {"loss": 0.5}),
        (2, {"loss": 0.25}),
        "quickstart",
        {"run_id": "run-7"},
        (None, {"knn accuracy": 0.75}),
        "end",
        ("run-7", "FINISHED"),
    ]


def test_a_tracker_that_is_not_installed_is_named_and_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    example("harness_wandb").notify("cell_started", CellStarted(CELL, folder))
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("harness: warning: plugin 'harness_wandb' (harness_wandb 1.0): cell_started raised")
    assert "wandb" in line.partition("Error: ")[2]
