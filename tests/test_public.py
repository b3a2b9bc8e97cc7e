"""The contract: hooks as documented and as called, what is public, and that nothing else is used by plugins."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
import harness.executor
from harness.cli.scaffold import NEW, rendered
from harness.plugins import events, hookspecs
from harness.plugins.compatibility import CONTRACT
from tests import pages

ROOT = Path(__file__).parent.parent
HOOKS = pages.read("hooks.md")
SPECS = {name: each for name, each in vars(hookspecs).items() if hasattr(each, "harness_spec")}
PUBLIC_MODULES = {"harness", "harness.executor", "harness.testing"}


def signature(function: object) -> str:
    """As it is written in the source."""
    node = ast.parse(inspect.getsource(function)).body[0]  # type: ignore[arg-type]
    assert isinstance(node, ast.FunctionDef)
    return f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"  # type: ignore[arg-type]


def test_the_page_of_hooks_has_each_with_its_exact_arguments() -> None:
    assert re.findall(r"^### `(\w+\(.*)`$", HOOKS, re.MULTILINE) == [signature(each) for each in SPECS.values()]
    assert f"contract {CONTRACT}." in HOOKS


def test_the_page_of_hooks_has_what_register_takes() -> None:
    [shown] = pages.blocks("hooks.md", "python")
    [documented] = ast.parse(shown).body
    [code] = ast.parse(inspect.getsource(hookspecs.Register)).body[0].body[1:]  # type: ignore[attr-defined]
    assert isinstance(documented, ast.FunctionDef)
    assert isinstance(code, ast.FunctionDef)
    code.args.args.pop(0)  # self
    assert ast.unparse(documented.args) == ast.unparse(code.args)
    [table] = re.findall(r"\n### The argument `register`.*?\| argument \|(.*?)\n\n", HOOKS, re.DOTALL)
    arguments = [each.arg for each in (*code.args.args, *code.args.kwonlyargs)]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == arguments


@pytest.mark.parametrize("hook", [name for name in SPECS if not name.startswith("register_")])
def test_the_page_of_hooks_has_the_fields_of_each_event(hook: str) -> None:
    [section] = re.findall(rf"\n### `{hook}\(.*?(?=\n### |\Z)", HOOKS, re.DOTALL)
    event = getattr(events, SPECS[hook].__annotations__["event"])
    fields = [(field.name, field.type) for field in dataclasses.fields(event)]
    assert re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE) == fields


def test_what_is_public_is_documented() -> None:
    for name in harness.__all__:
        assert described(name), f"harness.{name} has no docstring"


def test_what_executors_may_use_is_documented() -> None:
    for name in set(harness.executor.__all__) - {"GRACE_SECONDS"}:  # a number has no docstring
        assert getattr(harness.executor, name).__doc__, f"harness.executor.{name} has no docstring"


def test_functions_that_are_public_describe_their_arguments() -> None:
    """That none is missing in a section Args is checked by ruff (D417)."""
    functions = [
        (f"{module}.{name}", each)
        for module in sorted(PUBLIC_MODULES)
        for name in importlib.import_module(module).__all__
        if inspect.isfunction(each := getattr(importlib.import_module(module), name))
    ]
    assert len(functions) > 25
    without = [
        name
        for name, each in functions
        if inspect.signature(each).parameters and "\nArgs:\n" not in (inspect.getdoc(each) or "")
    ]
    assert without == []


def described(name: str) -> str:
    """The docstring of a class or a function, or the one below an assignment."""
    value = getattr(harness, name)
    if name == "hookimpl":
        return str(value.__doc__)  # pluggy's
    module = importlib.import_module(harness._LAZY[name])
    body = ast.parse(inspect.getsource(module)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            below = following.value if isinstance(following, ast.Expr) else None
            return str(below.value) if isinstance(below, ast.Constant) else ""
    raise AssertionError(f"{harness._LAZY[name]} does not define {name}")


def test_what_is_public_is_listed_once_and_the_same_everywhere() -> None:
    tree = ast.parse((ROOT / "harness" / "__init__.py").read_text(encoding="utf-8"))
    [typed] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == harness._LAZY
    assert sorted(harness.__all__) == sorted(seen)


def sources() -> Iterator[tuple[str, str]]:
    """The code of all that is a plugin here: bundled, in templates, on pages."""
    for path in sorted((ROOT / "plugins").glob("*/harness_*/**/*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for kind in NEW:
        yield from (
            (f"new {kind}: {name}", text) for name, text in rendered(kind, "mine").items() if name[-3:] == ".py"
        )
    kinds = [f"plugins/{path.name}" for path in pages.DOCS.glob("plugins/*.md")]
    for page in ["tutorial.md", "observers.md", "cookbook.md", "debugging.md", *kinds]:
        yield from ((f"{page}: {name}", text) for name, text in pages.files(page).items() if name.endswith(".py"))


def imported(text: str) -> Iterator[tuple[str, str]]:
    """Each module of harness that is named, by an import or as text, and what is taken from it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"harness(\.\w+)+", str(node.value)):
            yield str(node.value), ""


def test_plugins_use_what_is_public_and_nothing_else() -> None:
    files = list(sources())
    assert len(files) > 60
    private = [
        f"{file}: {module} {name}"
        for file, text in files
        for module, name in imported(text)
        if module.partition(".")[0] == "harness" and not is_public(module, name)
    ]
    assert private == []


def is_public(module: str, name: str) -> bool:
    return module in PUBLIC_MODULES and (not name or name in importlib.import_module(module).__all__)


def test_a_private_import_would_be_seen() -> None:
    lines = [
        "from harness.running.run_cell import run_cell",
        "import harness.store.results_folder",
        'load("harness.running.job_command")',
        "from harness.plugins.manager import installed_plugins",
    ]
    text = "\n".join(lines)
    assert [is_public(*each) for each in imported(text)] == [False] * 4
    assert all(is_public(*each) for each in imported("from harness import Method\nfrom harness.testing import Failure"))
