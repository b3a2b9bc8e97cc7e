"""Scores a cell while it trains: writes the points of its evaluators' curves to `curve.jsonl`."""

from __future__ import annotations

import copy
import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from harness.learning import building
from harness.learning.collectives import alone
from harness.learning.components import Method, Trained
from harness.learning.data.batches import Source
from harness.learning.data.splits import Data
from harness.learning.fine_tuning import random_states_kept
from harness.learning.seeding import seed_all
from harness.learning.training import Look, Reached, steps_of
from harness.running.cell_job import CellJob, load_judge
from harness.running.failures import words_of
from harness.running.scoring import EvaluatorInputs, as_plain, in_order
from harness.suite.cell import Component
from harness.suite.curve import Curve


class ScoresAlong:
    """Lets evaluators that have a curve score the method of a cell while it trains. The training does not notice: a
    copy of the method is scored, and the random state is put back."""

    def __init__(self, job: CellJob, method: Method, data: Data) -> None:
        self.job = job
        self.method = method
        self.data = data

    def looks(self, source: Source) -> dict[int, Look]:
        """What is to be done, by the step that comes before it."""
        if self.method.batches is None:
            return {}
        steps = steps_of(self.job.cell.budget, self.method.batches, source)
        evaluators = self.job.plan.evaluators_of(self.job.cell)
        due: dict[int, dict[str, Curve]] = {}
        for id_ in in_order(evaluators):
            if curve := self.job.plan.curves.get(id_):
                for step in curve.steps(steps):
                    due.setdefault(step, {})[id_] = curve
        return {step: self._look(curves, evaluators) for step, curves in due.items()}

    def _look(self, curves: Mapping[str, Curve], evaluators: Mapping[str, Component]) -> Look:
        def look(reached: Reached) -> None:
            inputs: EvaluatorInputs | None = None
            with random_states_kept(self.data.device), alone():
                for id_, curve in curves.items():
                    started = time.monotonic()
                    try:
                        inputs = inputs or EvaluatorInputs(
                            Trained(copy.deepcopy(self.method).eval(), self.data), partial(load_judge, self.job)
                        )
                        found: dict[str, Any] = {"metrics": score(evaluators[id_], curve.share, inputs)}
                    except Exception as error:  # noqa: BLE001 (a point that fails costs neither training nor others)
                        traceback.print_exc()
                        found = {"error": words_of(error)}
                    self._write(reached, id_, curve, time.monotonic() - started, found)

        return look

    def _write(self, reached: Reached, id_: str, curve: Curve, seconds: float, found: Mapping[str, Any]) -> None:
        line = {**asdict(reached), "evaluator": id_, **asdict(curve), "scoring_seconds": seconds, **found}
        with self.job.folder.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def score(evaluator: Component, share: float, inputs: EvaluatorInputs) -> dict[str, Any]:
    """Metrics on a share, as a record has them; begun as the evaluation of a trained cell is."""
    trained = inputs.of(evaluator)
    seed_all(0)
    made = building.build_evaluator(evaluator)
    metrics, note = made.evaluate_share(trained, share), inputs.note(evaluator, made)
    return {name: as_plain(metric, note) for name, metric in metrics.items()}
