"""Code that documents show: files named on a page, put where an installed distribution would be."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parent.parent / "docs"
# "... `folder/file.py`:" or "`file.py`, whole:", an empty line, and the file's content in a block
FILE = re.compile(r"`([\w./-]+\.(?:py|toml|yaml))`[^`\n]*:\n\n```\w+\n(.*?)```", re.DOTALL)


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def files(page: str) -> dict[str, str]:
    """The files that a page shows, by their paths."""
    return dict(FILE.findall(read(page)))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.DOTALL)


def place(shown: dict[str, str], site: Path) -> None:
    """Write the files of a page below `site`, and next to each pyproject.toml what pip would write of it."""
    for name, text in shown.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.name == "pyproject.toml":
            project = tomllib.loads(text)["project"]
            info = path.parent / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
            info.mkdir()
            requires = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
            head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{requires}"
            (info / "METADATA").write_text(head)
            entries = project["entry-points"]["harness"].items()
            (info / "entry_points.txt").write_text("[harness]\n" + "".join(f"{a} = {b}\n" for a, b in entries))


def script(name: str, folder: Path = DOCS) -> ModuleType:
    """A file of docs/ or perf/, which are no packages."""
    spec = importlib.util.spec_from_file_location(f"{folder.name}_{name}", folder / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module
