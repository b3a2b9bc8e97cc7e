"""The matrix: the product of its axes, without `exclude`, with `include`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from harness.base.errors import UsageError, nearest
from harness.suite.cell import Component


class HasComponent(Protocol):
    @property
    def component(self) -> Component: ...


E = TypeVar("E", bound=HasComponent)


@dataclass(frozen=True)
class Point(Generic[E]):
    """One entry of each axis."""

    method: E
    backbone: E
    dataset: E
    seed: int


@dataclass(frozen=True)
class Matrix(Generic[E]):
    """`axes`: entries of method, backbone and dataset. `include`: axes that differ, and seeds."""

    axes: Mapping[str, Sequence[E]]
    seeds: Sequence[int]
    include: Sequence[tuple[Mapping[str, Sequence[E]], Sequence[int]]] = ()
    exclude: Sequence[Mapping[str, Sequence[Any]]] = ()

    def entries(self, axis: str) -> list[E]:
        """All of an axis, those that are included last."""
        return [*self.axes[axis], *(each for axes, _ in self.include for each in axes.get(axis, ()))]

    def size(self) -> int:
        """The number of points before `exclude` is applied."""
        products = [(self.axes, self.seeds), *(({**self.axes, **axes}, seeds) for axes, seeds in self.include)]
        return sum(math.prod(map(len, axes.values())) * len(seeds) for axes, seeds in products)

    def points(self) -> list[Point[E]]:
        """Seed by seed, so that an interrupted run has compared all methods on the first seeds."""
        exclude = [{axis: set(map(str, values)) for axis, values in entry.items()} for entry in self.exclude]
        kept = [
            point for point in _product(self.axes, self.seeds) if not any(_matches(point, entry) for entry in exclude)
        ]
        added = [point for axes, seeds in self.include for point in _product({**self.axes, **axes}, seeds)]
        return sorted([*kept, *added], key=lambda point: point.seed)

    def names(self, axis: str) -> set[str]:
        """What the points of an axis may be called."""
        if axis == "seed":
            return set(map(str, self.seeds))
        return {name for entry in self.axes[axis] for name in names_of(entry.component)}


def require(matrices: Sequence[Matrix[Any]], axis: str, names: Sequence[Any], where: str) -> None:
    """Raises UsageError if a name of an `exclude` entry is nowhere on its axis: it would silently do nothing."""
    known = {name for matrix in matrices for name in matrix.names(axis)}
    for name in names:
        if str(name) not in known:
            raise UsageError(
                f"{where}: exclude names {axis} '{name}', which is not in the matrix.{nearest(str(name), known)}"
            )


def names_of(component: Component) -> tuple[str, ...]:
    """What a component may be called: its registered name, also with its distribution, and its label."""
    return component.spec.name, component.spec.qualified, component.label


def _product(axes: Mapping[str, Sequence[E]], seeds: Sequence[int]) -> list[Point[E]]:
    combinations = itertools.product(axes["dataset"], axes["backbone"], axes["method"], seeds)
    return [Point(method, backbone, dataset, seed) for dataset, backbone, method, seed in combinations]


def _matches(point: Point[Any], entry: Mapping[str, set[str]]) -> bool:
    return all(
        str(point.seed) in values if axis == "seed" else not values.isdisjoint(names_of(getattr(point, axis).component))
        for axis, values in entry.items()
    )
