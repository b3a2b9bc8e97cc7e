"""What the documents say is so: commands exist, suites are valid, the plugin works, tables are made from records."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import __all__ as public
from harness.plugins.manager import bundled
from harness.plugins.registry import KINDS, registry
from harness.reporting.leaderboard.inject import updated
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests import pages
from tests.conftest import SUITE, Harness
from tests.pictures import few_shot_folder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SUITES = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_documented_suite_is_read_as_its_comments_say(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(blocks(SUITES, "yaml")[0])
    plan = Plan.of(load_suite(path, registry()))
    first = [cell.method.label for cell in plan.cells.values() if cell.seed == 0]
    assert first == [
        "untrained",
        "SimCLR (temperature=0.1)",
        "SimCLR (temperature=0.5)",
        "simclr (augment.crop=0.08-1.0)",
        "simclr (augment.crop=0.5-1.0)",
        "longer",
    ]
    assert len([cell for cell in plan.cells.values() if cell.seed == 1]) == 4


def test_the_documented_matrices_and_starts_are_valid(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n")
    for number, text in enumerate(each for each in blocks(SUITES, "yaml")[1:] if "matrix" in each):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        assert len(Plan.of(load_suite(path, registry())).cells) > 1


def test_the_readme_is_short_and_begins_with_a_picture() -> None:
    assert len(README.split()) <= 900
    assert README.index("](docs/quickstart.svg)") < README.index("\n## ")


def test_the_readmes_suite_is_valid(tmp_path: Path) -> None:
    (tmp_path / "my-arrays.npz").write_bytes(b"content")
    path = tmp_path / "mine.yaml"
    [text] = blocks(README, "yaml")
    path.write_text(text)
    assert len(Plan.of(load_suite(path, registry())).cells) == 18


@pytest.mark.parametrize(
    "file", sorted([ROOT / "benchmarks.yaml", *(ROOT / "benchmarks").glob("*.yaml")]), ids=lambda file: file.name
)
def test_the_bundled_suites_are_valid(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for needed in {
        *re.findall(r"(?:path|train): ([^\s,}]+)", text)
    }:  # the user's own data: anything may stand in for it here
        if Path(needed).suffix:
            (tmp_path / Path(needed).name).write_bytes(b"content")
        else:
            few_shot_folder(tmp_path / Path(needed).name, side=4)
        text = text.replace(needed, Path(needed).name)
    (tmp_path / file.name).write_text(text)
    assert Plan.of(load_suite(tmp_path / file.name, registry())).cells


def test_the_readmes_method_runs_as_it_says(harness: Harness, suite: Callable[[str], Path], tmp_path: Path) -> None:
    [method] = blocks(README, "python")
    assert sum(bool(line.strip()) for line in method.splitlines()) <= 25
    (tmp_path / "align.py").write_text(method)
    text = SUITE.replace("classify, idle", "align, idle").replace("[0, 1]", "[0]").replace("lr: 0.1", "lr: 0.02")
    suite(text).rename(tmp_path / "mine.yaml")
    [command] = re.findall(r"`uv run harness (run .* --plugin .*?)`", README)
    assert "2 of 2 cells done" in harness(*command.split()).stdout
    [command] = re.findall(r"`harness (new method .*?)`", README)
    harness(*command.split())


def test_the_readme_lists_every_plugin() -> None:
    assert pages.script("update_tables").with_plugins(README) == README, "run docs/update_tables.py"


def test_plain_pip_installs_what_the_extra_all_does() -> None:
    recipe = "".join(pages.blocks("install.md", "sh"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = {each.removeprefix("rep-harness-") for each in project["optional-dependencies"]["all"]}
    assert set(re.findall(r"-e plugins/(\w+)", recipe)) == every - {"rep-harness[report]"}


def test_the_picture_of_the_quickstart_is_made_from_its_records() -> None:
    drawn = (ROOT / "docs" / "quickstart.svg").read_text(encoding="utf-8")
    again = pages.script("terminal").picture()
    words = [html.unescape(each) for each in re.findall(r"<text [^>]*>(.*?)</text>", drawn)]
    assert words == [html.unescape(each) for each in re.findall(r"<text [^>]*>(.*?)</text>", again)]
    assert any("89.7±0.5" in each for each in words)
    assert "url(http" not in drawn


def test_the_differences_on_the_page_on_detection_are_made_from_records() -> None:
    made = pages.script("differences")
    page = pages.read("detection.md")
    assert made.renewed(page) == page
    assert page.count(" * |") == 6 + 6  # supervised, and all three with a frozen encoder


def test_tables_in_documents_are_made_from_records() -> None:
    """As `harness leaderboard --verify` with `--inject` for each says it."""
    published = registry().published()
    assert "| protonet" in README
    documents = pages.script("update_tables").DOCUMENTS
    assert {"README.md", "reproduction.md"} <= {document.name for document in documents}
    for document in documents:
        assert updated(document, published) == document.read_text(encoding="utf-8"), document.name


def test_the_reference_of_options_is_made_from_the_config_classes_without_torch() -> None:
    code = "import runpy, sys; it = runpy.run_path('docs/options.py'); sys.stdout.write(it['page'](it['registry']()))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; assert not {{'torch', 'numpy'}} & set(sys.modules)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert "### classify" not in done.stdout.decode()  # the tests' own plugin is not bundled
    for kind in KINDS:
        ours = [spec for spec in registry().all(kind) if spec.origin.distribution in bundled()]
        assert all(f"\n### {spec.name}\n" in done.stdout.decode() for spec in ours)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "results" / "reference").iterdir()))
def test_a_committed_leaderboard_is_made_from_its_records(name: str, harness: Harness) -> None:
    folder = ROOT / "results" / "reference" / name
    assert harness("leaderboard", folder).stdout == (folder / "leaderboard.md").read_text(encoding="utf-8")


def test_the_page_on_data_says_what_is_so() -> None:
    [code] = pages.blocks("data-flow.md", "python")
    assert code.count("assert") == 5
    exec(compile(code, "docs/data-flow.md", "exec"), {})
    named = set(re.findall(r"`([A-Z]\w+)\(", pages.read("data-flow.md")))
    assert {"Views", "Labelled", "Episodes"} <= named <= set(public)


@pytest.mark.parametrize("page", sorted(pages.DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_in_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_curves_of_the_page_are_those_of_the_records(tmp_path: Path) -> None:
    drawn = (ROOT / "docs" / "omniglot-maml.svg").read_text(encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "docs" / "curves.py", tmp_path / "again.svg"], check=True)
    again = (tmp_path / "again.svg").read_text(encoding="utf-8")
    assert all(f">{label}</text>" in drawn for label in ("MAML 5w1s", "MAML 5w5s", "MAML 20w1s"))
    if (made_by := re.search(r"Matplotlib v[\d.]+", drawn)) and made_by[0] in again:  # others may lay it out otherwise
        assert again == drawn


@pytest.mark.parametrize(
    ("name", "published", "labels"),
    [
        ("meta-rl-methods", (), ("pearl (discount=0.9)", "rl2 (discount=0.9)", "maml_pg", "sac (discount=0.9)")),
        ("half-cheetah-vel", ("205000:-281", "340000:-47", "780000:-37"), ("PEARL", "one published seed")),
    ],
)
def test_the_returns_of_the_page_are_those_of_the_records(
    tmp_path: Path, name: str, published: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    drawn, again = ROOT / "docs" / f"{name}.svg", tmp_path / "again.svg"
    results = ROOT / "results" / "reference" / name
    subprocess.run([sys.executable, ROOT / "docs" / "returns.py", results, again, *published], check=True)
    both = [each.read_text(encoding="utf-8") for each in (drawn, again)]
    assert all(f">{label}</text>" in text for label in labels for text in both)
    if len({str(re.search(r"Matplotlib v[\d.]+", text)) for text in both}) == 1:  # others may lay it out otherwise
        assert both[0] == both[1]
