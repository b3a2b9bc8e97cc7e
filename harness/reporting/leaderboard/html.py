"""Renders tables as one self-contained HTML page."""

from __future__ import annotations

from importlib.resources import files

from harness.reporting.leaderboard.reading import HEADING, NOTHING
from harness.reporting.leaderboard.sections import Board


def to_html(board: Board) -> str:
    import jinja2  # the other formats need it not

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string((files(__package__) / "leaderboard.html").read_text(encoding="utf-8"))
    return template.render(heading=HEADING, nothing=NOTHING, board=board)
