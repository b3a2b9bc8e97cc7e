"""A cell, which is one point of the matrix, and its id, which is a hash of what decides its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.base.version import FORMAT, own_version
from harness.plugins.manager import bundled
from harness.plugins.options import as_plain, identity_of
from harness.plugins.registry import OF, Spec
from harness.suite.budget import Budget, said
from harness.suite.weights import Weights


@dataclass(frozen=True)
class Component:
    """A registered component with its options. `label` tells it from the same one with other options."""

    spec: Spec
    config: Any
    label: str
    where: str = ""  # "file:line" in the suite, for messages
    data: Component | None = None  # of an evaluator: the data set that it scores on, if not the cell's
    weights: Weights | None = None  # of a backbone that starts from a file
    judge: Mapping[str, Any] | None = None  # of an evaluator: the method by whose trained cell it judges (judges.py)
    parts: Mapping[str, Component] = field(default_factory=dict)  # of a data set that is made of others

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What decides its part of a result. Computed once: a fingerprint may read a large file."""
        identity = {
            "name": self.spec.name,
            "distribution": self.spec.origin.distribution,
            "version": self.spec.origin.version,
            "options": identity_of(self.config),
            **({"weights": self.weights.identity} if self.weights else {}),
        }
        fingerprint = getattr(self.config, "fingerprint", None)
        told = fingerprint() if fingerprint else None  # None: these options name nothing outside of the suite
        content = {} if told is None else {"fingerprint": told}
        judge = {key: each for key, each in (self.judge or {}).items() if key != "label"}
        return {
            **identity,
            **content,
            **({"data": self.data.identity} if self.data else {}),
            **({OF: {name: part.identity for name, part in self.parts.items()}} if self.parts else {}),
            **({"judge": judge} if judge else {}),
        }

    @cached_property
    def digest(self) -> str:
        """Equal for components that decide a result alike."""
        return digest(self.identity)

    @cached_property
    def is_its_name(self) -> bool:
        """Whether its name tells all: it is bundled and has no options."""
        return self.spec.origin.distribution in bundled() and not as_plain(self.config)

    def described(self) -> dict[str, Any]:
        """As JSON, without what only its suite calls it."""
        return {key: value for key, value in self._json.items() if key not in ("label", "where")}

    def as_json(self) -> dict[str, Any]:
        """All options, and the names of those that decide a result: a path must not part what can be compared.

        The same object each time, as many cells share a component: not to be changed.
        """
        return self._json

    @cached_property
    def _json(self) -> dict[str, Any]:
        decides = sorted(self.identity["options"])
        return {
            **self.identity,
            "options": as_plain(self.config),
            "decides": decides,
            "label": self.label,
            "where": self.where,
            **({"data": self.data.as_json()} if self.data else {}),
            **({OF: {name: part.as_json() for name, part in self.parts.items()}} if self.parts else {}),
            **({"judge": self.judge} if self.judge else {}),
            **(self.weights.as_json() if self.weights else {}),
        }


@dataclass(frozen=True)
class Cell:
    """One method on one backbone and one data set with one seed. Trained once, scored by every evaluator."""

    suite: str
    method: Component
    backbone: Component
    dataset: Component
    seed: int
    budget: Budget
    suite_budget: dict[str, Any] = field(default_factory=dict)
    harness: str = field(default_factory=own_version)
    optimizer: Component | None = None  # None: the one that the budget names, as it is by default
    start: Cell | None = None  # whose trained backbone it begins with
    scored: bool = True  # if not, it is trained for what needs it alone
    judges: tuple[Cell, ...] = ()  # by which some of its evaluators judge it; they decide no training

    @cached_property
    def id(self) -> str:
        """The hash of everything that decides the result, and of nothing else: no label, path, device or executor."""
        return digest(
            {
                "format": FORMAT,
                "harness": self.harness,
                "method": self.method.identity,
                "backbone": self.backbone.identity,
                "dataset": self.dataset.identity,
                "budget": self.budget_identity,
                "seed": self.seed,
                **({"start": self.start.id} if self.start else {}),
            }
        )

    @cached_property
    def budget_identity(self) -> dict[str, Any]:
        """What of the budget decides the result, its optimizer included."""
        return with_optimizer(said(identity_of(self.budget)), self.optimizer, lambda optimizer: optimizer.identity)

    @property
    def ancestors(self) -> list[Cell]:
        """What it starts from, what that starts from, and so on."""
        found, cell = [], self.start
        while cell is not None:
            found.append(cell)
            cell = cell.start
        return found

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The cells that must be trained before its job begins."""
        return (*((self.start,) if self.start else ()), *self.judges)

    @property
    def described_budget(self) -> dict[str, Any]:
        """As a record has it."""
        return with_optimizer(said(as_plain(self.budget)), self.optimizer, Component.described)

    def as_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "harness": self.harness,
            "method": self.method.as_json(),
            "backbone": self.backbone.as_json(),
            "dataset": self.dataset.as_json(),
            "seed": self.seed,
            "budget": self.described_budget,
            "suite_budget": self.suite_budget,
            **({"starts": [each.as_start() for each in self.ancestors]} if self.start else {}),
            **({} if self.scored else {"scored": False}),
        }

    def as_start(self) -> dict[str, Any]:
        """As a record names what its cell starts from: of the same backbone and seed, wherever in a suite it stands."""
        parts = {"method": self.method.as_json(), "dataset": self.dataset.as_json()}
        return {
            "id": self.id,
            "name": self.name(),
            **{axis: {key: each for key, each in part.items() if key != "where"} for axis, part in parts.items()},
            "budget": self.described_budget,
        }

    def name(self) -> str:
        return f"{self.method.label} · {self.backbone.label} · {self.dataset.label} · seed {self.seed}"


def with_optimizer(
    budget: dict[str, Any], optimizer: Component | None, described: Callable[[Component], dict[str, Any]]
) -> dict[str, Any]:
    """A budget with all that is to be said of its optimizer. A bundled one without options is its name, as it was
    before optimizers were components: ids stay as they were."""
    if optimizer is None or optimizer.is_its_name:
        return budget
    return {**budget, "optimizer": described(optimizer)}


def evaluator_id(evaluator: Component) -> str:
    """Of an evaluator with its options; its label in the suite does not count."""
    return digest({"format": FORMAT, **evaluator.identity})


def digest(value: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
