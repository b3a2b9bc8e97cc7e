"""The job of a cell: trains and scores it. Its only results are files in the results folder."""

from __future__ import annotations

import copy
import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_model

from harness.base.atomic_files import broken, npz, read_json, replacing, seal, set_aside, write_bytes, write_json
from harness.base.outcome import Outcome
from harness.learning import building
from harness.learning.checkpoint import checkpoint_seconds, checkpoint_step
from harness.learning.components import Method, Trained
from harness.learning.data.splits import Data, WatchedSplit
from harness.learning.seeding import seed_all
from harness.learning.starting import load_trained
from harness.learning.training import Training, train
from harness.plugins.events import CellStarted, StepLogged
from harness.plugins.manager import installed_plugins
from harness.running.allocator import keep_freed_memory
from harness.running.cell_job import CellJob, load_judge, named_judge, open_cell
from harness.running.failures import status_of, words_of
from harness.running.provenance import provenance
from harness.running.ranks import together
from harness.running.scores_along import ScoresAlong
from harness.running.scoring import EvaluatorInputs, as_arrays, as_plain, in_order
from harness.store.judging import by_former_judges, remove_scores
from harness.store.lines import keep_steps
from harness.store.results_folder import CellFolder
from harness.store.starts import begin, begun_with, unmet_need
from harness.suite.cell import Cell, Component


def run_cell(job: CellJob) -> Outcome:
    """Train a cell, unless it is trained, and let each evaluator of its plan score it that has not."""
    cell, folder = job.cell, job.folder
    if outcome := unmet_need(cell, folder.beside):
        write_json(folder.cell, cell.as_json())
        print(f"harness: {outcome.message}", file=sys.stderr)
        return outcome
    keep_freed_memory()
    torch.set_num_threads(job.threads)
    failures = _run(job)
    if not failures:
        folder.checkpoint.unlink(missing_ok=True)
        return Outcome("ok")
    for failure in failures:
        traceback.print_exception(failure)
    statuses = list(map(status_of, failures))
    first = failures[statuses.index("oom") if "oom" in statuses else 0]
    return Outcome(status_of(first), words_of(first), None, 1)


def _run(job: CellJob) -> list[Exception]:
    """Train and score the cell, and return what failed: the training, or single evaluators."""
    try:
        write_json(job.folder.cell, job.cell.as_json())
        installed_plugins().notify("cell_started", CellStarted(job.cell.as_json(), job.folder.folder))
        name = torch.cuda.get_device_name(job.device) if job.device.type == "cuda" else "cpu"
        origin = provenance(name, job.threads)
        trained = _train_or_load(job, origin)
    except Exception as error:  # noqa: BLE001 (promise: a cell that raises becomes a record that says so)
        return [error]
    return _evaluate_missing(job, trained, origin)


def _train_or_load(job: CellJob, origin: dict[str, Any]) -> Trained:
    """The cell's method, trained now or before."""
    begins: dict[str, Any] = {}

    def begin_anew() -> None:
        """Know what the training begins with, and remove what began with another model."""
        if job.cell.start and job.start:
            begins.update(begun_with(job.cell.start, job.start))
            if begin(job.folder, begins):
                print(
                    f"harness: trained again, because its start '{begins['id']}' has another model now", file=sys.stderr
                )

    method, data = open_cell(job, begin_anew)
    if loaded := _load(method, job.folder, job.device):
        return Trained(loaded, data)
    with together(job):
        _train(job, method, data, origin, begins)
    return Trained(method.eval(), data)


def _evaluate_missing(job: CellJob, trained: Trained, origin: dict[str, Any]) -> list[Exception]:
    """Run the evaluators that have not scored the cell yet; return the errors of those that failed."""
    failures: list[Exception] = []
    evaluators = job.plan.evaluators_of(job.cell)
    if job.cell.judges:
        former = by_former_judges(job.folder.scores(), lambda id_: read_json(job.folder.beside(id_).training) or {})
        remove_scores(job.folder, former)
    missing = {id_: evaluators[id_] for id_ in job.folder.missing(evaluators)}
    inputs = EvaluatorInputs(trained, partial(load_judge, job))
    for id_ in in_order(missing):
        try:
            _evaluate(evaluators[id_], id_, inputs, job, origin)
        except Exception as error:  # noqa: BLE001 (one evaluator that fails must not cost the scores of the others)
            failures.append(error)
    return failures


def _load(method: Method, folder: CellFolder, device: torch.device) -> Method | None:
    """A copy of a new method as its training left it; None if it is not trained. A model that is damaged is set aside,
    and with it the record of its training: the cell is trained again."""
    training = read_json(folder.training)
    if training is None:
        return None
    reason = broken(folder.model, training.get("model"), read=True)
    try:
        if reason is None:
            loaded = copy.deepcopy(method)
            load_trained(loaded, folder.model, str(device))
            return loaded
    except (SafetensorError, FileNotFoundError, RuntimeError) as error:
        if status_of(error) == "oom":
            raise
        reason = " ".join(str(error).split())[:150]  # of a network of other shapes, the names of all its weights
    for path in (folder.model, folder.training):
        if aside := set_aside(path):
            print(f"harness: the model is damaged ({reason}): {path} is set aside as {aside.name}", file=sys.stderr)
    return None


def _train(job: CellJob, method: Method, data: Data, origin: dict[str, Any], begins: Mapping[str, Any]) -> None:
    cell, folder = job.cell, job.folder
    described = cell.as_json()
    first = checkpoint_step(folder.checkpoint)
    for lines_of_steps in (folder.steps, folder.curve):
        keep_steps(lines_of_steps, first)
    profile = folder.profile if job.profile else None
    with folder.steps.open("a", encoding="utf-8", buffering=1) as lines:

        def log(step: int, steps: int, metrics: Any) -> None:
            lines.write(json.dumps({"step": step, "steps": steps, **metrics}) + "\n")
            installed_plugins().notify("step_logged", StepLogged(described, step, steps, metrics))

        watched = WatchedSplit(data.train)
        source = building.source_of(cell, replace(data, splits={**data.splits, "train": watched}))
        looks = ScoresAlong(job, method, data).looks(source)
        done = train(method, source, cell.budget, folder.checkpoint, log, profile, job.every, cell.optimizer, looks)
    method.after_training()
    for path in folder.evaluations.glob("*.checkpoint.pt"):  # of trainings that began with the former model
        path.unlink()
    with replacing(folder.model) as temporary:
        save_model(method, str(temporary), metadata={"cell": folder.folder.name})
    write_json(
        folder.training,
        {
            "model": seal(folder.model),
            "seconds": done.seconds,
            "steps": done.steps,
            "resumed_at": first or None,  # the step that this training last went on from
            "samples": done.samples,
            "views": done.views,
            "labels": watched.asked,
            "samples_per_second": done.samples / done.seconds if done.seconds else None,
            "peak_memory_mb": peak_memory_mb(data.device),
            "metrics": dict(done.metrics),
            **({"start": begins} if begins else {}),
            **({"weights": method.started_from} if method.started_from else {}),
            **({"notes": list(method.notes)} if method.notes else {}),
            "provenance": origin
            | {"device": on_devices(origin["device"], cell.budget.devices)}
            | stepped_by(cell, done),
        },
    )
    folder.start.unlink(missing_ok=True)


def stepped_by(cell: Cell, done: Training) -> dict[str, str]:
    """The distribution of the optimizer, which is not part of the cell's id if the optimizer is bundled."""
    if cell.optimizer is None or not done.steps:
        return {}
    origin = cell.optimizer.spec.origin
    return {"optimizer": f"{origin.distribution} {origin.version}"}


def on_devices(device: str, number: int) -> str:
    """The devices of a training, for the record, because the budget may later say another number for the same cell."""
    return device if number == 1 else f"{number} × {device}"


def _evaluate(component: Component, id_: str, inputs: EvaluatorInputs, job: CellJob, origin: dict[str, Any]) -> None:
    started = time.monotonic()
    judge = named_judge(job, component)
    checkpoint = job.folder.evaluation_checkpoint(id_)
    before = checkpoint_seconds(checkpoint)  # of a training inside, which another job began
    trained = replace(inputs.of(component), checkpoint=checkpoint, checkpoint_every=job.every)
    seed_all(0)
    evaluator = building.build_evaluator(component)
    metrics, note = evaluator.evaluate(trained), inputs.note(component, evaluator)
    path = job.folder.evaluation(id_)
    units = path.with_suffix(".npz")
    write_bytes(units, npz(as_arrays(metrics)))
    write_json(
        path,
        {
            "units": seal(units),
            "label": component.label,
            "evaluator": component.as_json(),
            "seconds": before + time.monotonic() - started,
            "metrics": {name: as_plain(metric, note) for name, metric in metrics.items()},
            "shared_with_train": inputs.shared_on(component.data),  # samples by split
            **({"judge": judge} if judge else {}),
            "provenance": origin,
        },
    )
    checkpoint.unlink(missing_ok=True)


def peak_memory_mb(device: torch.device) -> float:
    """Greatest memory so far: of the device, or of this process with its libraries where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
