"""The file of a plan: one JSON object per line, so that a job reads only its own cell.

{"format": 1, "suite": name, "evaluators": {id: component}, "only_for": {id: [method, ...]}, "curves": {id: curve}}
{"part": digest, "value": a component or a budget}           each once, before the first cell that refers to it
{"cell": id, "seed": 0, "method": digest, "backbone": digest, ...}     with "start": the id of a cell before it;
                                                                         "judges": likewise, of several
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.base.version import FORMAT
from harness.plugins.options import as_plain, parse
from harness.plugins.registry import Registry
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component
from harness.suite.curve import CURVE, Curve
from harness.suite.plan import Plan, choose
from harness.suite.recorded import AXES, component


def dump(plan: Plan) -> bytes:
    """The content of a plan's file. Equal plans give equal bytes."""
    return "".join(f"{line}\n" for line in _lines(plan)).encode()


def name(content: bytes) -> str:
    """16 hexadecimal digits of the SHA-256 of a plan's file: what it is called."""
    return hashlib.sha256(content).hexdigest()[:16]


def _lines(plan: Plan) -> Iterator[str]:
    evaluators = {id_: evaluator.as_json() for id_, evaluator in plan.evaluators.items()}
    header: dict[str, Any] = {"format": FORMAT, "suite": plan.suite, "evaluators": evaluators}
    header |= {"only_for": plan.only_for} if plan.only_for else {}
    header |= {"curves": {id_: as_plain(each) for id_, each in plan.curves.items()}} if plan.curves else {}
    yield _json(header)
    known: dict[int, str] = {}  # by the id() of an object that cells share: hashing it for each would take long
    written = set()
    for id_, cell in plan.cells.items():
        line: dict[str, Any] = {"cell": id_, "seed": cell.seed}
        for field in (*AXES, "optimizer", "budget", "suite_budget"):
            part = getattr(cell, field)
            if part is None:
                continue
            if id(part) not in known:
                value = _json(
                    part.as_json() if isinstance(part, Component) else as_plain(part) if field == "budget" else part
                )
                known[id(part)] = name(value.encode())
                if known[id(part)] not in written:
                    written.add(known[id(part)])
                    yield f'{{"part": "{known[id(part)]}", "value": {value}}}'
            line[field] = known[id(part)]
        line |= {"start": cell.start.id} if cell.start else {}
        line |= {"judges": [each.id for each in cell.judges]} if cell.judges else {}
        line |= {} if cell.scored else {"scored": False}
        yield _json(line)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class PlanFile:
    """A plan that was written down. Reads what is asked for.

    Raises UsageError if there is no such file, if it is damaged, or of another format, or if a plugin that it names is
    not installed here.
    """

    def __init__(self, path: Path, registry: Registry) -> None:
        self.path = path
        self.registry = registry
        try:
            self.content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: there is no such plan.") from error
        header = self._parse(self.content.partition(b"\n")[0])
        if header.get("format") != FORMAT:
            raise UsageError(f"{path}: is not of format {FORMAT}; it was written by another version of harness.")
        self._made: dict[tuple[str, str], Any] = {}  # parts that cells share
        with self._damage():
            self.suite: str = header["suite"]
            self.evaluators = {id_: self._component("evaluator", saved) for id_, saved in header["evaluators"].items()}
            self.only_for = {id_: tuple(methods) for id_, methods in header.get("only_for", {}).items()}
            self.curves = {
                id_: parse(Curve, saved, lambda _: str(path), owner=CURVE)
                for id_, saved in header.get("curves", {}).items()
            }

    def cell(self, id_: str) -> Cell:
        """One cell; no other line is parsed but those of its parts. Raises UsageError if there is no such cell."""
        line = self._line("cell", id_)
        with self._damage():
            return self._cell(line, lambda part: self._line("part", part)["value"], self.cell)

    def evaluators_of(self, cell: Cell) -> dict[str, Component]:
        """Those that score this cell."""
        return choose(cell, self.evaluators, self.only_for)

    def plan(self) -> Plan:
        """The whole plan."""
        lines = [self._parse(line) for line in self.content.splitlines()[1:]]
        with self._damage():
            values = {line["part"]: line["value"] for line in lines if "part" in line}
            cells: dict[str, Cell] = {}
            for line in lines:
                if "cell" in line:
                    cells[line["cell"]] = self._cell(line, values.__getitem__, cells.__getitem__)
        return Plan(self.suite, cells, self.evaluators, self.only_for, curves=self.curves)

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """What is missing or of another shape is the user's to see, not a traceback."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise UsageError(f"{self.path}: is damaged ({error}); remove it and run again.") from error

    def _line(self, key: str, value: str) -> dict[str, Any]:
        start = self.content.find(f'\n{{"{key}": {json.dumps(value)}'.encode()) + 1  # no text in JSON holds a line end
        if start == 0:
            raise UsageError(f"{self.path}: has no {key} '{value}'.")
        return self._parse(self.content[start : self.content.find(b"\n", start)])

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{self.path}: is damaged ({error}); remove it and run again.") from error
        if not isinstance(value, dict):
            raise UsageError(f"{self.path}: is damaged; remove it and run again.")
        return value

    def _cell(self, line: dict[str, Any], value: Callable[[str], Any], start: Callable[[str], Cell]) -> Cell:
        def part(field: str) -> Any:
            key = (field, line[field])
            if key not in self._made:
                saved = value(line[field])
                if field == "suite_budget":
                    self._made[key] = saved
                else:
                    self._made[key] = Budget(**saved) if field == "budget" else self._component(field, saved)
            return self._made[key]

        return Cell(
            self.suite,
            part("method"),
            part("backbone"),
            part("dataset"),
            line["seed"],
            part("budget"),
            part("suite_budget"),
            optimizer=part("optimizer") if "optimizer" in line else None,
            start=start(line["start"]) if "start" in line else None,
            scored=line.get("scored", True),
            judges=tuple(map(start, line.get("judges", ()))),
        )

    def _component(self, kind: Any, saved: Mapping[str, Any]) -> Component:
        spec = self.registry.get(kind, f"{saved['distribution']}:{saved['name']}")
        if spec.origin.version != saved["version"]:
            raise UsageError(
                f"{self.path}: was made with {kind} '{saved['name']}' of {saved['distribution']} {saved['version']}, "
                f"which is now {spec.origin.version}; run again."
            )
        return component(self.registry, kind, saved)
