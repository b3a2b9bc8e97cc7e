"""Each check of the conformance kit catches the plugin that is broken in its point, and no other check does."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness import UsageError
from harness.testing import (
    backbones,
    check_dataset,
    check_method,
    check_observer,
    datasets,
    evaluators,
    executors,
    methods,
    modalities,
    observers,
    optimizers,
)
from tests import pages
from tests.conformance.catalogue import BROKEN, GOOD, Broken, check_of, every, meet, plugins, registered

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
MODULES = {
    "method": methods,
    "backbone": backbones,
    "dataset": datasets,
    "evaluator": evaluators,
    "optimizer": optimizers,
    "executor": executors,
    "observer": observers,
    "modality": modalities,
}


@pytest.fixture(scope="module", autouse=True)
def broken_plugins() -> Iterator[None]:
    with plugins():
        yield


@pytest.fixture(scope="module")
def render() -> ModuleType:
    return pages.script("conformance")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in GOOD.items() for name in names])
def test_what_the_broken_plugins_are_made_from_conforms(kind: str, name: str) -> None:
    check_of(kind)(registered(kind, name))


@pytest.mark.parametrize("broken", list(every()), ids=lambda broken: f"{broken.kind}-{broken.name}")
def test_a_check_catches_its_own_fault_and_only_that(broken: Broken, render: ModuleType) -> None:
    failures = meet(broken)
    assert [failure.check for failure in failures] == [broken.check], "\n".join(map(str, failures))
    assert render.row(broken, failures[0]) in PAGE.splitlines()


@pytest.mark.parametrize("kind", list(BROKEN))
def test_every_check_has_a_broken_plugin(kind: str) -> None:
    module = MODULES[kind]
    checks = {check.__name__ for name in ("NEEDED", "CHECKS") for check in getattr(module, name)}
    shared = {"options_have_help", "options_are_typed", "registration_is_lazy"}  # shown with a method
    shown = {check.replace(" ", "_") for check in BROKEN[kind]}
    assert checks - shown == (shared if kind not in ("method", "modality", "observer") else set())


def test_the_page_has_every_broken_plugin_and_no_other(render: ModuleType) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| check")]
    expected = [
        (broken.check, broken.fault) for broken in every() if broken.kind != "evaluator" or "gpu" not in broken.check
    ]
    assert [tuple(line.strip("| ").split(" | ")[:2]) for line in rows] == expected
    assert PAGE.startswith(render.HEAD)


def test_all_failures_are_listed_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check_method("Twice")
    lines = str(caught.value).splitlines()
    assert lines[0] == "method 'Twice' fails 2 checks"
    assert lines[1].startswith("  encode takes any batch: a batch of 1 gives features (32,)")
    assert lines[2].startswith("  gradients reach every parameter: no gradient reaches scale; let `loss` depend on it")


def test_unknown_names_are_usage_errors() -> None:
    with pytest.raises(UsageError, match=r"there is no method 'Squezed'\. Did you mean 'Squeezed'"):
        check_method("Squezed")
    with pytest.raises(UsageError, match=r"there is no plugin 'mut'\. Did you mean 'mute'"):
        check_observer("mut")


def test_a_data_set_is_loaded_no_more_than_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one takes minutes each time."""
    good = importlib.import_module("broken_datasets").Good
    load = good.load

    def counted(self: Any) -> Any:
        (tmp_path / f"load {len(list(tmp_path.iterdir()))}").touch()
        return load(self)

    monkeypatch.setattr(good, "load", counted)
    check_dataset("Good")
    assert len(list(tmp_path.iterdir())) == 2
