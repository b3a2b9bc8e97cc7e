"""Gives evaluators their inputs, and converts their metrics for the record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from harness.learning import building
from harness.learning.components import Evaluator, Trained
from harness.learning.data.duplicates import shared_with, shared_with_train
from harness.learning.metric import Metric
from harness.suite.cell import Component


class EvaluatorInputs:
    """What evaluators are given: the cell's data, or others, of which one set is kept at a time. Features are computed
    once for each. `judge`: loads that of an evaluator which has one."""

    def __init__(self, own: Trained, judge: Callable[[Component], Trained]) -> None:
        self.own = own
        self._judge = judge
        self._on: str | None = None
        self._other = own

    def on(self, dataset: Component | None) -> Trained:
        if dataset is None:
            return self.own
        if self._on != dataset.digest:
            self._other = self.own  # so that not two of them are held
            data = building.load_data(dataset, self.own.device)
            self._other = Trained(self.own.method, building.given_to(self.own.method, self.own.data, data))
            self._on = dataset.digest
        return self._other

    def of(self, evaluator: Component) -> Trained:
        """What this evaluator is given."""
        given = self.on(evaluator.data)
        return replace(given, judge=self._judge(evaluator)) if evaluator.judge else given

    def note(self, evaluator: Component, made: Evaluator) -> str:
        """What of it a metric's protocol says: its judge, and how samples were made to fit the encoder."""
        judge = f"judged by {evaluator.judge['label']}" if evaluator.judge else ""
        fitted = self.on(evaluator.data).data.modality.note if made.fits_samples else ""
        return ", ".join(filter(None, (judge, fitted)))

    @cached_property
    def shared(self) -> dict[str, int]:
        return shared_with_train(self.own.data)

    def shared_on(self, dataset: Component | None) -> dict[str, int]:
        """How many samples of each split that is scored are also in the split that the cell was trained on."""
        return self.shared if dataset is None else shared_with(self.own.data, self.on(dataset).data)


def as_plain(metric: Metric, note: str) -> dict[str, Any]:
    """A metric and its bound as JSON; `note` says by whom it was judged and how samples were
    converted for the encoder."""
    return {
        "value": metric.value,
        "half_width": metric.half_width if math.isfinite(metric.half_width) else None,
        "n": metric.n,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "protocol": ", ".join(filter(None, (metric.protocol, note))),
        "shown": metric.shown,
        "estimate": metric.estimate,
        **({"interval": list(metric.interval)} if metric.interval else {}),
        **({"prefixes": {str(stop): metric.mean_of_first(stop) for stop in metric.stops}} if metric.stops else {}),
        **({"bound": as_plain(metric.bound, note)} if metric.bound else {}),
        **({"details": dict(metric.details)} if metric.details else {}),
        **({"series": metric.series.axis} if metric.series else {}),
        **({"pictures": sorted(metric.pictures.boxes)} if metric.pictures else {}),
    }


def as_arrays(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """What is stored beside the record: of each metric its units, and what the report draws of it."""
    arrays: dict[str, Any] = {name: metric.units for name, metric in metrics.items()}
    for name, metric in metrics.items():
        for kind, shown in (("series", metric.series), ("pictures", metric.pictures)):
            if shown:
                arrays |= {f"{kind}/{name}/{part}": array for part, array in shown.arrays().items()}
    return arrays


def in_order(evaluators: Mapping[str, Component]) -> list[str]:
    """The ids of evaluators, sorted so that those on the same data follow each other."""
    return sorted(evaluators, key=lambda id_: own.digest if (own := evaluators[id_].data) else "")
