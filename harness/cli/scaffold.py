"""Writes the files of a new plugin from the templates in harness/cli/templates."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Literal, get_args

import yaml

from harness.base.errors import UsageError
from harness.plugins.compatibility import CONTRACT
from harness.plugins.registry import KINDS, Kind, Registry

New = Literal["method", "backbone", "dataset", "evaluator", "modality", "executor", "observer"]
NEW: tuple[New, ...] = get_args(New)
LONGEST = 50
NEEDED = {"method": ("rep-harness-optimizers",)}  # by tests of that kind: a method is trained
_SUFFIX = ".template"


def create(kind: New, name: str, directory: Path, known: Registry) -> Path:
    """Write the distribution `harness-NAME` into a new folder of `directory`; the folder.

    Raises UsageError, having written nothing, for a name that is none or is taken, or if the folder is there.
    """
    check_name(kind, name, known)
    folder = directory / f"harness-{name}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        folder.mkdir()  # fails where something is, also if it came a moment ago
    except FileExistsError as error:
        raise UsageError(f"{error.filename}: already exists; nothing was written.") from error
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be made: {error.strerror}.") from error
    for path, text in rendered(kind, name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def check_name(kind: New, name: str, known: Registry) -> None:
    """Raises UsageError for a name that cannot be that of a distribution and a module, or that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) or len(name) > LONGEST or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' is no name for a plugin: use lower-case letters, digits, and inside '-' and '_', at most "
            f"{LONGEST} characters; it must begin with a letter, and be no path and no keyword of Python."
        )
    if (read := yaml.safe_load(name)) != name:
        raise UsageError(f"'{name}' is no name for a plugin: YAML reads it as {read}, which a suite cannot name.")
    kinds: tuple[Kind, ...] = ("dataset", "backbone") if kind == "modality" else (kind,) if kind in KINDS else ()
    for spec in (spec for each in kinds for spec in known.all(each)):
        if spec.name == name:
            raise UsageError(f"there is a {spec.kind} '{name}' already, of {spec.origin}: choose another name.")
    if find_spec(module_of(name)):
        raise UsageError(f"there is a module '{module_of(name)}' already: choose another name than '{name}'.")


def module_of(name: str) -> str:
    return f"harness_{name.replace('-', '_')}"


def rendered(kind: New, name: str) -> dict[str, str]:
    """The text of each file by its path in the distribution."""
    shown = "dataset" if kind == "modality" else kind  # a modality is what a data set gives
    look = "harness plugins" if kind == "observer" else f"harness show {shown} {name}"
    values = {
        "kind": kind,
        "name": name,
        "distribution": f"harness-{name}",
        "module": module_of(name),
        "cls": "".join(part.capitalize() for part in re.split("[-_]", name)) + kind.capitalize(),
        "contract": str(CONTRACT),
        "look": f"{look:<30} # what it registers",
        "code": "the hooks" if kind == "observer" else f"the {kind}",
        "test": ", ".join(f'"{each}"' for each in ("pytest>=8.3", *NEEDED.get(kind, ()))),
        "file": "__init__" if kind == "observer" else kind,
    }
    placed = {
        "pyproject.toml": "common/pyproject.toml",
        "README.md": "common/README.md",
        f"tests/test_{name.replace('-', '_')}.py": "modality/test.py" if kind == "modality" else "common/test.py",
        f"{values['module']}/__init__.py": f"{kind}/__init__.py",
    }
    if kind != "observer":
        placed[f"{values['module']}/{kind}.py"] = f"{kind}/{kind}.py"
    templates = files("harness.cli") / "templates"
    return {
        path: Template((templates / f"{source}{_SUFFIX}").read_text(encoding="utf-8")).substitute(values)
        for path, source in placed.items()
    }
