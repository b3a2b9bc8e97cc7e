"""The documentation site: what is generated or listed is current, and files of the repository have a place on it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import harness as package
import harness.executor
import harness.testing
from harness.cli import COMMANDS, app
from tests import pages
from tests.conftest import Harness

ROOT = pages.DOCS.parent
EVERY = sorted(path.relative_to(pages.DOCS).as_posix() for path in pages.DOCS.rglob("*.md"))


commands = pages.script("commands")
hooks = pages.script("site_hooks")


def test_the_table_that_is_explained_is_the_quickstarts() -> None:
    board = (ROOT / "results" / "reference" / "quickstart" / "leaderboard.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (?:method|supervised|maml) .*", pages.read("reading-a-table.md"), re.MULTILINE)
    assert len(shown) == 3
    assert set(shown) <= set(board.splitlines())


def test_the_quickstart_has_as_many_cells_as_the_page_says(harness: Harness) -> None:
    said = re.search(r"makes (\d+) cells", pages.read("quickstart.md"))
    assert said
    assert f"{said[1]} cells: {said[1]} todo" in harness("plan", ROOT / "benchmarks.yaml").stdout


def test_each_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/-]+\.md)$", menu, re.MULTILINE)
    assert sorted(listed) == sorted(
        {*listed, *EVERY, *(f"bundled/{path.split('/')[1]}.md" for path in hooks.readmes())}
    )


OPTIONS = {
    name: {each.written.split()[0] for each in commands.parameters(commands.function(name))} | {"--help"}
    for name in COMMANDS
}


@pytest.mark.parametrize("page", [*EVERY, "../README.md", *(f"../{path}" for path in hooks.readmes())])
def test_commands_on_pages_exist(page: str) -> None:
    for block in [*pages.blocks(page, "bash"), *pages.blocks(page, "sh")]:
        for line in re.findall(r"^(?:uv run )?harness (\w.*)$", block.replace("\\\n", " "), re.MULTILINE):
            name, *rest = line.partition(" #")[0].split()
            assert name in OPTIONS, line
            for word in rest:
                if word.startswith("--") and not word.startswith("--no-plugins"):
                    assert word.partition("=")[0] in OPTIONS[name], line


def test_the_page_of_commands_is_made_from_the_program() -> None:
    assert commands.page() == pages.read("cli.md")


def test_the_page_of_commands_says_what_help_says() -> None:
    for name, options in OPTIONS.items():
        shown = CliRunner().invoke(app(), [name, "--help"], env={"COLUMNS": "200"}).output
        assert {f"--{each}" for each in re.findall(r"^[^\w-]*--([\w-]+)", shown, re.MULTILINE)} == {
            each for each in options if each.startswith("--")
        }, name


@pytest.mark.parametrize("module", [package, harness.executor, harness.testing], ids=lambda module: module.__name__)
def test_each_public_name_has_its_place_in_the_api(module: Any) -> None:
    found = [
        name
        for page in EVERY
        for name in re.findall(rf"^::: {re.escape(module.__name__)}\.(\w+)$", pages.read(page), re.MULTILINE)
    ]
    assert sorted(found) == sorted(module.__all__)


def test_each_page_of_the_api_names_what_exists() -> None:
    for page in EVERY:
        for name in re.findall(r"^::: (\S+)$", pages.read(page), re.MULTILINE):
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute)


def test_links_are_moved_and_code_stays() -> None:
    text = (
        "[a](../x.md#part) `[b](../x.md)` [c](https://x.org/y.md) [d](#here)\n```yaml\n[e](../x.md)\n```\n![f](x.svg)"
    )
    moved = hooks.links_changed(text, lambda path: f"moved/{Path(path).name}")
    assert moved == (
        "[a](moved/x.md#part) `[b](../x.md)` [c](https://x.org/y.md) [d](#here)\n```yaml\n[e](../x.md)\n```\n"
        "![f](moved/x.svg)"
    )


def test_lists_and_tables_may_follow_text() -> None:
    assert hooks.spaced("text\n- one\n- two\n  more\n- three") == "text\n\n- one\n- two\n  more\n- three"
    assert hooks.spaced("text\n| a |\n|---|\n| 1 |") == "text\n\n| a |\n|---|\n| 1 |"
    assert hooks.spaced("```yaml\ntext\n- one\n```") == "```yaml\ntext\n- one\n```"
    assert "<details markdown" in hooks.spaced("<details><summary>More</summary>\n\n| a |\n")


def test_a_leaderboard_within_a_page_has_headings_below_the_pages() -> None:
    board = "<!-- leaderboard: results/x -->\n{} Leaderboard\n\n{} glyphs\n<!-- end of leaderboard -->"
    page = "# Page\n\n## Part\n\n{}\n\n## Next\n"
    assert hooks.lowered(page.format(board.format("#", "##"))) == page.format(board.format("###", "####"))


def test_what_pages_link_to_has_a_place_on_the_site() -> None:
    hooks.places.clear()
    hooks.places.update({f"docs/{page}": page for page in EVERY})
    texts = hooks.brought_in()
    for path in ("README.md", "CONTRIBUTING.md", "plugins/simclr/README.md", "harness/plugins/hookspecs.py", "plugins"):
        assert path in texts
    assert hooks.places["plugins/simclr/README.md"] == "bundled/simclr.md"
    assert "def register_methods" in texts["harness/plugins/hookspecs.py"]
    assert all((ROOT / path).exists() for path in texts)
    assert len(set(hooks.places.values())) == len(hooks.places)
