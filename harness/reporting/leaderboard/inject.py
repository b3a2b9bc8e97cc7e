"""Renews the leaderboards between markers of a document from their records.

    <!-- leaderboard: results/quickstart --metric knn -->
    <!-- end of leaderboard -->

A marker has the folder, relative to the document, and options as on the command line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UsageError
from harness.plugins.published import Published
from harness.reporting.leaderboard import render
from harness.reporting.leaderboard.view import parse
from harness.store.results_folder import Store

START, END = "<!-- leaderboard: {} -->", "<!-- end of leaderboard -->"
START_PATTERN = re.compile(r"<!-- leaderboard: ([^\n]+?) -->\n")
MARKED = re.compile(rf"{START_PATTERN.pattern}((?:(?!<!-- leaderboard: ).)*?){END}", re.DOTALL)


def updated(document: Path, published: Sequence[Published] = (), only: Path | None = None) -> str:
    """The text of a document with every marked leaderboard made anew, or those of one folder.

    Raises UsageError for a document without such a marker, with the lines to add; for one that is not closed, has other
    words than a folder and options, or a folder without results.
    """
    text = read(document)
    starts = list(START_PATTERN.finditer(text))
    marked = {match.start(): match for match in MARKED.finditer(text)}
    for start in starts:
        if start.start() not in marked:
            raise UsageError(f"{_where(document, start)}: no line '{END}' ends this leaderboard.")
    parts, done, last = [], 0, 0
    for match in marked.values():
        where = _where(document, match)
        folder, view = parse(_words(match[1], where), where)
        path = document.parent / folder
        if only is None or path.resolve() == only.resolve():
            table = render(Store(path).records(), "markdown", published, view)
            parts += [text[last : match.start(2)], table]
            last, done = match.end(2), done + 1
    if not done:
        lines = f"{START.format(only or 'DIR')}\n{END}"
        raise UsageError(f"{document}: has no marker for a leaderboard. Put these lines where it belongs:\n{lines}")
    return "".join([*parts, text[last:]])


def read(document: Path) -> str:
    """Its text with line feeds only. Raises UsageError if it cannot be read."""
    try:
        return document.read_bytes().decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{document}: is not UTF-8 text.") from error


def as_written(document: Path, text: str) -> bytes:
    """`text` with the ends of lines that the document has."""
    return (text.replace("\n", "\r\n") if b"\r\n" in document.read_bytes() else text).encode()


def _where(document: Path, match: re.Match[str]) -> str:
    return f"{document}:{match.string.count(chr(10), 0, match.start()) + 1}"


def _words(text: str, where: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{where}: {error}.") from error
