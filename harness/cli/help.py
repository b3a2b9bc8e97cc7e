"""Prints `harness --help` as typer does, without importing typer and rich, which take three quarters of its time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from textwrap import wrap

from harness.cli.table import styled, terminal_width

ABOUT = "Measure contrastive self-supervised learning and meta-learning in one matrix."
NO_PLUGINS = "--no-plugins"
ABOUT_NO_PLUGINS = "Block every plugin that is not bundled, or the plugin or distribution NAME."
COMMANDS = {
    "run": "Train and score the unfinished cells of a suite, then write and show its leaderboard.",
    "score": "Score existing encoders: files of weights, and pretrained models of libraries. No suite is needed.",
    "init": "Write a first suite, with comments, from the installed components.",
    "plan": "List the cells of a suite: id, what they start from or are judged by, and status.",
    "list": "List the components that plugins registered.",
    "plugins": "Show which distribution brought which plugin, what each registers, and what is blocked or broken.",
    "show": "Show a component: summary, paper, distribution, and options with types, defaults and help.",
    "leaderboard": "Make the leaderboard of a results folder from its records.",
    "report": "Make one HTML page of a results folder, to open from disk, send or print.",
    "compact": "Copy the small files of finished cells into few large ones, from which all cells are read faster.",
    "forget": "Remove cells with their records, models and logs.",
    "export": "Write trained encoders as files that other programs load, each with a model card.",
    "new": "Write a new plugin: a small distribution that works and passes its own tests.",
    "doctor": "Check environment, devices, plugins, data and storage, and say what to do about problems.",
    "baseline": "Make a baseline of a results folder: scores by seed, versions, hardware.",
    "check": "Check a run against a baseline.",
    "compare": "Compare two results folders by the gate's tests. The exit code is 0 even if they differ.",
}
OPTIONS = {
    NO_PLUGINS: ABOUT_NO_PLUGINS,
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Show completion for the current shell, to copy it or customize the installation.",
    "--help": "Show this message and exit.",
}


KINDS = {name: "[=NAME]  " if name == NO_PLUGINS else "<bool>   " for name in OPTIONS}


def can_draw() -> bool:
    """Whether this terminal is an ordinary one; else typer knows what to do."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return os.name != "nt" and encoding == "utf8" and terminal_width() >= 60


def text(width: int, *, colour: bool) -> str:
    usage = f"{styled('Usage:', 'yellow', colour)} {styled('harness [OPTIONS] COMMAND [ARGS]...', 'bold', colour)}"
    about = "\n".join(f" {line}" for line in wrap(ABOUT, width - 2, break_on_hyphens=False))
    gap = max(map(len, COMMANDS)) + 2
    boxes = [
        *_box("Options", OPTIONS, 28, KINDS, width, colour),
        *_box("Commands", COMMANDS, gap, {}, width, colour),
    ]
    return "\n".join(["", f" {usage}", "", about, "", *boxes, "", ""])


def _box(
    title: str, entries: Mapping[str, str], gap: int, kinds: Mapping[str, str], width: int, colour: bool
) -> Iterator[str]:
    """Names, their kind and their help, which wraps."""
    side = styled("│", "dim", colour)
    yield styled(f"╭─ {title} {'─' * (width - len(title) - 5)}╮", "dim", colour)
    for name, help_ in entries.items():
        kind = kinds.get(name, "")
        room = width - 4 - gap - len(kind)
        for number, line in enumerate(wrap(help_, room, break_on_hyphens=False)):
            left = styled(name, "cyan", colour) + " " * (gap - len(name)) + styled(kind, "yellow", colour)
            yield f"{side} {left if number == 0 else ' ' * (gap + len(kind))}{line:<{room}} {side}"
    yield styled(f"╰{'─' * (width - 2)}╯", "dim", colour)
