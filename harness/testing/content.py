"""Conformance checks of files that a component reads: ids must depend on their content, not on their path."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.plugins.options import as_plain, identity_of, parse
from harness.testing.declared import Subject
from harness.testing.report import Fault

LARGEST = 10**9  # bytes


def the_fingerprint_identifies_the_content(subject: Subject) -> None:
    """A component whose options name a file has `Config.fingerprint()`: the same text each time and for a copy of the
    file, another for other content; None where the options name nothing. What only says where to read is not part of
    a cell's id."""
    config = subject.component.config
    own = getattr(config, "fingerprint", None)
    if own is None or own() is None:
        for name, value in _options(config):
            _known(subject, name, value)
        return
    again = parse(type(config), as_plain(config), str)  # made anew
    prints = [own(), again.fingerprint()]
    if not isinstance(prints[0], str) or not prints[0] or prints[0] != prints[1]:
        raise Fault(f"fingerprint() gives {prints[0]!r}, then {prints[1]!r}", "derive a text from the content alone")
    for name, value in _options(config):
        if names_file(value):
            _follows(config, name, value, prints[0])


def names_file(value: Any) -> bool:
    """Whether an option's value is that of a file at hand. A plain word is none, though a file may be called so."""
    if not isinstance(value, Path | str) or (isinstance(value, str) and value == Path(value).stem):
        return False
    try:
        return Path(value).is_file()
    except OSError:  # a text too long for a path
        return False


def reads_files(config: Any) -> bool:
    """Whether an option names a file, such as weights to start from."""
    return any(names_file(value) for _, value in _options(config))


def _options(config: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each option; of one that is a list, each value."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        yield from ((field.name, each) for each in (value if isinstance(value, tuple) else (value,)))


def _known(subject: Subject, name: str, value: Any) -> None:
    """Raises Fault if what an option names decides results that no id tells apart."""
    change = "give the Config a method fingerprint() -> str, for example a hash of the files"
    if isinstance(value, Path) and name not in identity_of(subject.component.config):
        if subject.component.spec.kind == "dataset" or names_file(value):
            raise Fault(f"the option '{name}' stays out of cell ids and nothing else tells its content", change)
    elif names_file(value) or (isinstance(value, Path) and value.is_dir()):
        raise Fault(
            f"of what the option '{name}' names, cell ids have the path, but not the content",
            f"{change}, and declare the option with identity=False",
        )


def _follows(config: Any, name: str, value: Any, before: str) -> None:
    """Raises Fault if the ids depend on a file's place, or do not depend on its content."""
    if name in identity_of(config):
        raise Fault(
            f"the path that the option '{name}' gives is in cell ids, though fingerprint() tells the content",
            "declare it with identity=False, so that a file's place does not decide which cells are done",
        )
    if value is not getattr(config, name) or Path(value).stat().st_size > LARGEST:
        return  # one of a list, or too large to be copied
    with tempfile.TemporaryDirectory() as folder:
        same, other = Path(folder) / "same" / Path(value).name, Path(folder) / "other" / Path(value).name
        for copy in (same, other):
            copy.parent.mkdir()
        shutil.copyfile(value, same)
        other.write_bytes(b"something else")
        if _print(config, name, type(value)(same)) not in (before, None):
            raise Fault(f"fingerprint() differs for a copy of the file of '{name}'", "derive it from the content alone")
        if _print(config, name, type(value)(other)) == before:
            raise Fault(f"fingerprint() is the same for another file of '{name}'", "derive it from the content")


def _print(config: Any, name: str, value: Any) -> str | None:
    """The fingerprint with another value of an option; None where the component refuses it."""
    try:
        fingerprint: str = dataclasses.replace(config, **{name: value}).fingerprint()
    except Exception:  # noqa: BLE001 (it may read what it hashes, or what lies beside it)
        return None
    return fingerprint
