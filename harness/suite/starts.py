"""The key `start` of a method's entry: the method whose trained backbone it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from harness.base.errors import UsageError, nearest
from harness.suite.cell import Cell
from harness.suite.document import Node
from harness.suite.matrix import HasComponent, names_of

START = "start"
KEYS = ("method", "budget", "dataset")
LONGEST = 100  # of a chain of starts: more are a slip of the hand, or meant to fill the memory


@dataclass(frozen=True)
class Start:
    """The method, by label or name, whose trained backbone a method's cells start from. `budget`, `dataset`: where
    that method's cell has others there than as it stands in the matrix."""

    method: str
    budget: Mapping[str, Any]
    dataset: Node
    node: Node


class Starting(HasComponent, Protocol):
    @property
    def start(self) -> Start | None: ...


N = TypeVar("N", bound=HasComponent)
S = TypeVar("S", bound=Starting)


def read_start(node: Node) -> Start:
    """`start: simclr`, or `start: {method: simclr, budget: {steps: 500}, dataset: glyphs}`. Raises UsageError."""
    said = {"method": node.value} if isinstance(node.value, str) else node.value
    if not isinstance(said, dict) or not isinstance(said.get("method"), str):
        raise node.error(
            "a start is the label of a method, or '{method: label, budget: {...}, dataset: name}', "
            f"not {node.value!r}."
        )
    if isinstance(node.value, dict):
        node.refuse_others(KEYS, "a start has no")
    return Start(said["method"], node.child("budget").mapping(), node.child("dataset"), node)


def find_entry(kind: str, name: str, entries: Sequence[N]) -> N | None:
    """The entry with this label, or else the only one of this name; None if there is none. Raises UsageError if several
    have the name."""
    found = [each for each in entries if each.component.label == name]
    found = found[:1] or [each for each in entries if name in names_of(each.component)]
    labels = list(dict.fromkeys(each.component.label for each in found))
    if len(labels) > 1:
        raise UsageError(f"{kind} '{name}' may be any of {', '.join(map(repr, labels))}: name one by its label.")
    return found[0] if found else None


def parents(entries: Sequence[S]) -> dict[int, S]:
    """By the id() of each method's entry that has a start, the entry that it means. Raises UsageError for a start that
    is none of the suite, or may be several, and for those that lead back to where they began."""
    found: dict[int, S] = {}
    for entry in entries:
        if entry.start is None:
            continue
        try:
            parent = find_entry("method", entry.start.method, entries)
        except UsageError as error:
            raise entry.start.node.error(f"start: {error}") from error
        if parent is None:
            known = [each.component.label for each in entries]
            raise entry.start.node.error(
                f"start: no method '{entry.start.method}' in this suite.{nearest(entry.start.method, known)}"
            )
        found[id(entry)] = parent
    for entry in entries:
        _refuse_circle(entry, found)
    return found


def _refuse_circle(entry: S, found: Mapping[int, S]) -> None:
    way = [entry]
    while (parent := found.get(id(way[-1]))) is not None:
        if any(parent is each for each in way):
            circle = way[next(i for i, each in enumerate(way) if each is parent) :]
            names = [f"'{each.component.label}'" for each in (*circle[1:], parent)]
            place, *others = (each.start.node.place for each in circle if each.start)
            raise UsageError(
                f"{place}: start: '{parent.component.label}' starts from {', which starts from '.join(names)}: a circle"
                f"{''.join(f', {each}' for each in others)}."
            )
        way.append(parent)
        if len(way) > LONGEST and entry.start:
            raise entry.start.node.error(f"start: a chain of more than {LONGEST} starts is too long.")


def with_starts(listed: Mapping[str, Cell]) -> dict[str, Cell]:
    """The cells of a matrix and what they need, which comes before them. What the matrix does not list is trained for
    the others' sake and not scored."""
    ordered: dict[str, Cell] = {}

    def add(cell: Cell) -> None:
        if cell.id in ordered:
            return
        own = listed.get(cell.id) or replace(cell, scored=False, judges=())
        for each in own.needs:
            add(each)
        ordered[own.id] = own

    for cell in listed.values():
        add(cell)
    return ordered
