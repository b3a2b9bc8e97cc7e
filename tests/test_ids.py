"""Cell ids: pinned, and moved by exactly what decides a result."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from harness_toy import BlobsConfig, CentroidConfig, FlatConfig

from harness import option
from harness.plugins.manager import Origin
from harness.plugins.options import identity_of
from harness.plugins.registry import Kind, Spec, registry
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component, evaluator_id


def component(kind: Kind, name: str, config: Any, version: str = "1.0", label: str = "") -> Component:
    spec = Spec(kind, name, "somewhere:Thing", type(config), Origin("toy", "harness-toy", version))
    return Component(spec, config, label or name)


CELL = Cell(
    suite="toy",
    method=component("method", "classify", CentroidConfig()),
    backbone=component("backbone", "flat", FlatConfig()),
    dataset=component("dataset", "blobs", BlobsConfig()),
    seed=0,
    budget=Budget(steps=30),
    harness="0.1.0",
)


def test_golden_ids() -> None:
    """If this fails, results that people have kept are no longer found: do that only on purpose, with a new FORMAT."""
    assert CELL.id == "cfb69b4b6811d530"
    assert evaluator_id(component("evaluator", "classify", CentroidConfig())) == "58959887698fc338"


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"harness": "0.2.0"},
        {"budget": Budget(steps=31)},
        {"budget": Budget(steps=30, precision="bf16")},
        {"budget": Budget(steps=30, schedule="linear")},
        {"budget": Budget(steps=30, clip=1.0)},
        {"method": component("method", "classify", CentroidConfig(temperature=2.0))},
        {"method": component("method", "classify", CentroidConfig(), version="1.1")},
        {"method": component("method", "other", CentroidConfig())},
        {"backbone": component("backbone", "flat", FlatConfig(width=17))},
        {"dataset": component("dataset", "blobs", BlobsConfig(classes=7))},
    ],
    ids=str,
)
def test_what_decides_a_result_changes_the_id(change: dict[str, Any]) -> None:
    assert dataclasses.replace(CELL, **change).id != CELL.id


def test_a_record_has_the_key_clip_only_where_it_is_set() -> None:
    """A baseline and tables of records from before there was one say no difference."""
    clipped = dataclasses.replace(CELL, budget=Budget(steps=30, clip=0.5))
    assert "clip" not in CELL.described_budget
    assert clipped.described_budget == {**CELL.described_budget, "clip": 0.5}


def test_content_of_data_changes_the_id_and_its_path_does_not(tmp_path: Path) -> None:
    def id_with(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return dataclasses.replace(CELL, dataset=component("dataset", "blobs", BlobsConfig(marker=tmp_path / name))).id

    assert id_with("here", "same") == id_with("there", "same")
    assert id_with("here", "other") != id_with("there", "same")


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "another"},
        {"suite_budget": {"steps": 30}},
        {"method": component("method", "classify", CentroidConfig(), label="renamed")},
        {"method": component("method", "classify", CentroidConfig(seconds=1.0))},
    ],
    ids=str,
)
def test_what_does_not_decide_a_result_leaves_the_id(change: dict[str, Any]) -> None:
    assert dataclasses.replace(CELL, **change).id == CELL.id


def test_an_integer_given_for_a_number_is_the_same_number() -> None:
    from harness.plugins.options import parse

    one = parse(CentroidConfig, {"temperature": 2}, lambda _: "")
    assert component("method", "x", one).identity == component("method", "x", CentroidConfig(temperature=2.0)).identity


def test_every_bundled_component_can_be_identified() -> None:
    for kind in ("method", "backbone", "evaluator"):
        for spec in registry().all(kind):
            required = [
                f.name for f in dataclasses.fields(spec.config) if f.default is f.default_factory is dataclasses.MISSING
            ]
            if not required:
                assert len(evaluator_id(Component(spec, spec.config(), spec.name))) == 16


def test_an_option_that_came_later_is_in_ids_unless_it_has_its_default() -> None:
    @dataclasses.dataclass(frozen=True)
    class Later(CentroidConfig):
        groups: str | None = option(None, "came later", identity="unless default")

    before, same, other = CentroidConfig(), Later(), Later(groups="domain")
    ids = [evaluator_id(component("evaluator", "classify", each)) for each in (before, same, other)]
    assert ids[0] == ids[1]
    assert ids[2] != ids[0]
    assert component("evaluator", "classify", other).as_json()["decides"] == ["groups", "mode", "sizes", "temperature"]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("evaluator", "fewshot", {"ways", "shots", "queries", "episodes", "split", "seed"}),
        ("method", "protonet", {"ways", "shots", "queries"}),
    ],
)
def test_ids_of_components_that_got_an_option_later_stay(kind: Kind, name: str, expected: set[str]) -> None:
    config = registry().get(kind, name).config
    assert identity_of(config()).keys() == expected
    assert identity_of(config(within="domain")).keys() == {*expected, "within"}
