"""Renders tables as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from harness.reporting.leaderboard.notes import NOTHING, READING, TIES
from harness.reporting.leaderboard.sections import Section


def to_html(sections: Sequence[Section]) -> str:
    import jinja2  # the other formats need it not

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string((files(__package__) / "leaderboard.html").read_text(encoding="utf-8"))
    return template.render(reading=f"{READING} {TIES}" if sections else NOTHING, sections=sections)
