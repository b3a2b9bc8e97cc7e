"""Checks Python, our distribution and its requirements, the processor, and the limits of the system."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.cli.doctor.finding import Finding
from harness.plugins.compatibility import CONTRACT
from harness.plugins.manager import CORE, distribution, found

AREA = "environment"
FILES = 256  # a run holds about ten per cell under way


def look() -> Iterator[Finding]:
    yield python(platform.python_version(), metadata(CORE)["Requires-Python"])
    yield Finding(AREA, CORE, f"{version(CORE)}, contract {CONTRACT}")
    yield requirements([CORE, *dict.fromkeys(map(distribution, found()))])
    if (torch := find_spec("torch")) and torch.origin:
        yield byte_code(Path(torch.origin))
    yield cores()
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield temporary_folder()


def python(running: str, wanted: str) -> Finding:
    fits = SpecifierSet(wanted).contains(running, prereleases=True)
    return Finding(AREA, "python", running, "" if fits else f"Use a Python that is {wanted}.")


def requirements(distributions: Iterable[str]) -> Finding:
    """Whether what these distributions stand on is there, as they ask for it. An installer may have been overruled."""
    missing = sorted({problem for name in distributions for problem in unmet(name)})
    if not missing:
        return Finding(AREA, "requirements", "all are met")
    named = shlex.join(dict.fromkeys(requirement for requirement, _ in missing))
    return Finding(AREA, "requirements", "; ".join(map(", ".join, missing)), f"pip install {named}")


def unmet(name: str) -> Iterator[tuple[str, str]]:
    """Each requirement, and what is the matter with it."""
    try:
        asked = [Requirement(each) for each in requires(name) or ()]
    except (PackageNotFoundError, ValueError):  # damaged metadata are among the plugins' problems
        return
    for each in asked:
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            plain = f"{each.name}{each.specifier}"
            try:
                if not each.specifier.contains(version(each.name), prereleases=True):
                    yield plain, f"but {version(each.name)} is installed ({name} needs it)"
            except PackageNotFoundError:
                yield plain, f"which is not installed ({name} needs it)"


def byte_code(torch: Path) -> Finding:
    """Of torch's `__init__.py`. Many images for containers forbid it, and not every installer makes it beforehand."""
    if not sys.dont_write_bytecode or Path(cache_from_source(torch)).exists():
        return Finding(AREA, "byte code", "is kept")
    advice = f"Unset PYTHONDONTWRITEBYTECODE, or compile once: python -m compileall -q {torch.parent.parent}"
    return Finding(AREA, "byte code", "is not kept: every process compiles all of torch anew", advice)


def cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "")
    given = f", OMP_NUM_THREADS={threads}" if threads else ""
    advice = ""
    if threads.isdecimal() and int(threads) > usable:
        advice = "Unset OMP_NUM_THREADS: more threads than cores only wait for each other."
    return Finding(AREA, "cores", f"{usable} usable of {os.cpu_count()}{given}", advice)


def open_files(limit: int) -> Finding:
    said = "no limit" if limit == resource.RLIM_INFINITY else f"{limit:,} at a time"
    few = limit != resource.RLIM_INFINITY and limit < FILES
    return Finding(AREA, "open files", said, "Raise the limit: ulimit -n 1024" if few else "")


def temporary_folder() -> Finding:
    """Jobs are forked from a server whose socket is in the folder for temporary files."""
    try:
        with tempfile.TemporaryFile():
            return Finding(AREA, "temporary files", tempfile.gettempdir())
    except OSError as error:
        advice = "Set TMPDIR to a folder on this machine that you may write to."
        return Finding(AREA, "temporary files", f"{os.environ.get('TMPDIR') or Path('/tmp')}: {error.strerror}", advice)
