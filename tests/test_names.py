"""Two distributions register one name: what the plain name means, and how the other is called.

tests/test_pluginfiles.py runs such a suite.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.base.cache import cache_folder
from harness.plugins.manager import Origin
from harness.plugins.options import NoOptions
from harness.plugins.published import Published, facts
from harness.plugins.registry import Spec
from tests.conftest import SUITE, Harness, install

TWICE = """\
from harness import hookimpl

@hookimpl
def register_methods(register):
    register("idle", "harness_toy.parts:Idle", summary="idle as well")
    register("simclr", "harness_toy.parts:Idle", summary="no contrast at all")
"""


@pytest.fixture
def twice(tmp_path: Path) -> dict[str, str]:
    """The environment where plugin-mine registers a name of another stranger's and one of a bundled plugin's."""
    install(tmp_path, "mine", TWICE)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])}


def test_both_are_planned_by_the_names_of_their_distributions(
    harness: Harness, suite: Callable[[str], Path], twice: dict[str, str]
) -> None:
    both = "{use: harness-toy:idle, label: theirs}, plugin-mine:idle"
    path = suite(SUITE.replace("classify, idle", both).replace("[0, 1]", "[0]"))
    cells = json.loads(harness("plan", path, "--json", env=twice).stdout)["cells"]
    assert [(cell["method"]["distribution"], cell["method"]["label"]) for cell in cells] == [
        ("harness-toy", "theirs"),
        ("plugin-mine", "plugin-mine:idle"),
    ]
    other = harness("plan", path, "--no-plugins=plugin-mine", env=twice, code=2).stderr
    assert "there is no method 'plugin-mine:idle'. Did you mean 'idle'?" in other


def test_a_qualified_name_is_the_plain_one_where_there_is_but_one(
    harness: Harness, suite: Callable[[str], Path]
) -> None:
    plain, named = (
        json.loads(harness("plan", suite(SUITE.replace("idle", idle)), "--json").stdout)["cells"]
        for idle in ("idle", "{use: harness-toy:idle, label: idle}")
    )
    assert plain == named


def test_show_takes_the_qualified_name_and_a_bundled_one_stays(harness: Harness, twice: dict[str, str]) -> None:
    assert "from: plugin-mine 2.0" in harness("show", "method", "plugin-mine:idle", env=twice).stdout
    assert "from: harness-toy 1.0" in harness("show", "method", "harness-toy:idle", env=twice).stdout
    assert "from:   rep-harness-simclr" in harness("show", "method", "simclr", env=twice).stdout
    assert "from: plugin-mine 2.0" in harness("show", "method", "plugin-mine:simclr", env=twice).stdout
    said = harness("show", "method", "idle", env=twice, code=2).stderr
    assert (
        "the method 'idle' is in 2 plugins, so the name alone does not say which one you mean. Instead of 'idle', "
        "write 'harness-toy:idle' for that of the installed harness-toy 1.0 or 'plugin-mine:idle' for that of the "
        "installed plugin-mine 2.0."
    ) in said
    said = harness("new", "method", "idle", env=twice, code=2).stderr
    assert "there is a method 'idle' already, of plugin 'toy'" in said


def test_options_of_a_component_are_found_under_either_of_its_names(
    harness: Harness, suite: Callable[[str], Path]
) -> None:
    asked = SUITE.replace("[classify, idle]", "[simclr]").replace("[0, 1]", "[0]")
    sections = ("simclr: {temperature: 0.125}", "'rep-harness-simclr:simclr': {temperature: 0.125}")
    for method in ("[simclr]", "['rep-harness-simclr:simclr']"):
        for section in sections:
            path = suite(f"{asked.replace('[simclr]', method)}methods: {{{section}}}\n")
            [cell] = json.loads(harness("plan", path, "--json").stdout)["cells"]
            assert cell["method"]["options"]["temperature"] == 0.125
    said = harness("plan", suite(f"{asked}methods: {{{', '.join(sections)}}}\n"), code=2).stderr
    assert "'simclr' and 'rep-harness-simclr:simclr' are the same method: put its options in one of them." in said


def test_what_is_published_of_one_is_not_shown_with_a_strangers_of_its_name() -> None:
    stated = Published({"dataset": "blobs"}, 0.5, "A paper").stated_by("method", "idle", "harness-toy")
    cell = {"method": {"name": "idle", "distribution": "harness-toy"}, "dataset": {"name": "blobs"}}
    assert stated.matches(facts(cell, {}), "accuracy")
    cell["method"]["distribution"] = "plugin-mine"
    assert not stated.matches(facts(cell, {}), "accuracy")


def test_data_sets_of_one_name_have_folders_of_their_own() -> None:
    ours, theirs = (
        Spec("dataset", "digits", "a:B", NoOptions, Origin("digits", distribution, "1.0"))
        for distribution in ("rep-harness-datasets", "plugin-mine")
    )
    assert ours.unique == "digits"
    assert cache_folder(ours.unique) != cache_folder(theirs.unique)
