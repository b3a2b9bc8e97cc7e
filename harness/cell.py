"""One job: prepare a plan, or train and score one cell of it. Its results are files in the store, nothing else."""

from __future__ import annotations

import json
import math
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model

from harness import building
from harness.cells import Cell, Component
from harness.components import Method, Metric, Trained
from harness.data.splits import Data
from harness.errors import UsageError
from harness.events import CellStarted, StepLogged
from harness.interval import Interval
from harness.memory import keep_freed_memory
from harness.plan import Plan
from harness.planfile import PlanFile
from harness.plugins import installed
from harness.provenance import provenance
from harness.registry import registry
from harness.store import CellFolder, Store, npz, write_bytes, write_json
from harness.training import CHECKPOINT_EVERY, checkpoint_step, train, use_precision


def prepare(path: Path) -> int:
    """Load every data set once (downloads, caches) and check every combination of a plan before anything trains.

    Only the user's mistakes are written down; whatever else goes wrong will be the record of the cells it hits.
    """
    store, plan = Store(path.parent.parent), PlanFile(path, registry()).plan()
    errors: list[str] = []
    for dataset, cells in _by_dataset(plan):
        try:
            data = building.load_data(dataset, torch.device("cpu"))
        except UsageError as error:
            errors.append(f"{dataset.where}: {dataset.label}: {error}")
            continue
        except Exception:  # noqa: BLE001 (a broken data set is the record of its cells; the others go on)
            traceback.print_exc()
            continue
        for cell in cells:
            try:
                building.check_cell(cell, list(plan.evaluators.values()), data)
            except UsageError as error:
                errors.append(str(error))
            except Exception:  # noqa: BLE001 (likewise)
                traceback.print_exc()
    write_json(store.prepared(path), {"errors": list(dict.fromkeys(errors))})
    return 0


def _by_dataset(plan: Plan) -> list[tuple[Component, list[Cell]]]:
    """Each data set with one cell per combination; seeds do not matter here."""
    groups: dict[str, tuple[Component, dict[Any, Cell]]] = {}
    for cell in plan.cells.values():
        _, cells = groups.setdefault(cell.dataset.digest, (cell.dataset, {}))
        cells.setdefault((cell.method.digest, cell.backbone.digest, cell.budget), cell)
    return [(dataset, list(cells.values())) for dataset, cells in groups.values()]


def run_cell(
    path: Path,
    id_: str,
    device: str,
    threads: int,
    attempt: Path,
    *,
    profile: bool = False,
    every: Interval = CHECKPOINT_EVERY,
) -> int:
    """Train one cell of a plan, unless it is trained, and let each evaluator score it that has not. The exit code."""
    keep_freed_memory()
    plan = PlanFile(path, registry())
    cell = plan.cell(id_)
    folder = Store(path.parent.parent).cell(id_)
    folder.mark_running()
    torch.set_num_threads(threads)
    failures = _run(cell, plan.evaluators, folder, torch.device(device), threads, profile, every)
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        write_json(attempt, {"status": "failed", "message": failures[0].strip().splitlines()[-1]})
    else:
        write_json(attempt, {"status": "ok", "message": ""})
        folder.checkpoint.unlink(missing_ok=True)
    folder.running.unlink(missing_ok=True)
    return 1 if failures else 0


def _run(
    cell: Cell,
    evaluators: Mapping[str, Component],
    folder: CellFolder,
    device: torch.device,
    threads: int,
    profile: bool,
    every: Interval,
) -> list[str]:
    """Tracebacks of what failed: the training, or single evaluators."""
    try:
        write_json(folder.cell, cell.as_json())
        installed().notify("cell_started", CellStarted(cell.as_json(), folder.folder))
        use_precision(cell.budget.precision)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        origin = provenance(name, threads)
        data = building.load_data(cell.dataset, device)
        method = building.build_method(cell, data)
        if folder.training.exists():
            load_model(method, folder.model, device=str(device))
        else:
            _train(cell, method, data, folder, origin, folder.profile if profile else None, every)
    except Exception:  # noqa: BLE001 (promise: a cell that raises becomes a record that says so)
        return [traceback.format_exc()]
    method.eval()
    trained = Trained(method, data)
    failures = []
    for id_ in folder.missing(evaluators):
        try:
            _evaluate(evaluators[id_], id_, trained, folder, origin)
        except Exception:  # noqa: BLE001 (one evaluator that fails must not cost the scores of the others)
            failures.append(traceback.format_exc())
    return failures


def _train(
    cell: Cell,
    method: Method,
    data: Data,
    folder: CellFolder,
    origin: dict[str, Any],
    profile: Path | None,
    every: Interval,
) -> None:
    described = cell.as_json()
    first = checkpoint_step(folder.checkpoint)
    keep_steps(folder.steps, first)
    with folder.steps.open("a", encoding="utf-8", buffering=1) as lines:

        def log(step: int, steps: int, metrics: Any) -> None:
            lines.write(json.dumps({"step": step, "steps": steps, **metrics}) + "\n")
            installed().notify("step_logged", StepLogged(described, step, steps, metrics))

        source = building.source_of(cell, data)
        done = train(method, source, cell.budget, folder.checkpoint, log, profile, every)
    save_model(method, str(folder.model.with_suffix(".tmp")), metadata={"cell": folder.folder.name})
    write_bytes(folder.model, folder.model.with_suffix(".tmp").read_bytes())
    folder.model.with_suffix(".tmp").unlink()
    write_json(
        folder.training,
        {
            "seconds": done.seconds,
            "steps": done.steps,
            "resumed_at": first or None,  # the step that this training last went on from
            "images": done.images,
            "images_per_second": done.images / done.seconds if done.seconds else None,
            "peak_memory_mb": peak_memory_mb(data.mean.device),
            "metrics": dict(done.metrics),
            "provenance": origin,
        },
    )


def keep_steps(path: Path, last: int) -> None:
    """Drop what was logged after the checkpoint that a training goes on from: it will be logged again."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= last]
    write_bytes(path, "".join(kept).encode())


def _evaluate(component: Component, id_: str, trained: Trained, folder: CellFolder, origin: dict[str, Any]) -> None:
    started = time.monotonic()
    torch.manual_seed(0)
    metrics = building.build_evaluator(component).evaluate(trained)
    path = folder.evaluation(id_)
    write_bytes(path.with_suffix(".npz"), npz({name: metric.units for name, metric in metrics.items()}))
    write_json(
        path,
        {
            "label": component.label,
            "evaluator": component.as_json(),
            "seconds": time.monotonic() - started,
            "metrics": {name: _plain(metric) for name, metric in metrics.items()},
            "provenance": origin,
        },
    )


def _plain(metric: Metric) -> dict[str, Any]:
    return {
        "value": metric.value,
        "half_width": metric.half_width if math.isfinite(metric.half_width) else None,
        "n": metric.n,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "protocol": metric.protocol,
    }


def peak_memory_mb(device: torch.device) -> float:
    """Greatest memory so far: of the device, or of this process with its libraries where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
