"""Writes the arguments of `harness score` as the text of a suite, and remembers which argument each line comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.base.errors import UsageError
from harness.cli.scoring.arguments import flow
from harness.cli.scoring.datasets import dataset, label_of
from harness.cli.scoring.encoders import encoder, require_fit, split_backbone
from harness.cli.scoring.evaluators import EVALUATORS, evaluators
from harness.plugins.registry import Registry

METHOD = "pretrained"  # scores a backbone as it is
HEAD = """\
# Written by `harness score`: encoders as they are; nothing is trained.
# It is a suite like any other. The next step is a matrix: list more methods, backbones, data sets and evaluators, then
# `harness run FILE --results FOLDER` with this file and its folder; what is done is not done again.
# `harness list` names what there is; docs/suites.md has all that a suite may say.
"""


class Line(NamedTuple):
    """A line of the suite, the argument that it comes from, and the label of that argument in messages."""

    text: str
    argument: str = ""
    label: str = ""


@dataclass(frozen=True)
class Asked:
    """The arguments of `harness score`."""

    encoders: Sequence[str]
    data: str
    evaluators: str = EVALUATORS
    backbone: str | None = None
    size: int | None = None


def name_of(data: str) -> str:
    """Of the suite and of its folder of results."""
    return f"score-{label_of(data)}"


def lines_of(asked: Asked, known: Registry) -> list[Line]:
    """The suite. Raises UsageError, which begins with the argument that is wrong."""
    for text in (*asked.encoders, asked.data, asked.backbone or ""):
        if "${" in text:
            raise UsageError(f"{text}: a suite takes '${{' for a reference to another of its values: use another name.")
    encoders = [encoder(each, asked.backbone, known) for each in asked.encoders]
    if asked.backbone and all(split_backbone(each, known) for each in asked.encoders):
        raise UsageError(f"--backbone {asked.backbone}: every encoder names its own backbone; leave --backbone out.")
    spec, data = dataset(asked.data, asked.size, known, {each.spec.modality for each in encoders})
    for each in encoders:
        require_fit(each, spec, known)
    scores = dict(evaluators(asked.evaluators, known))
    return [
        *(Line(each) for each in HEAD.splitlines()),
        Line(f"name: {flow(name_of(asked.data))}"),
        Line("matrix:"),
        Line(f"  method: [{METHOD}]"),
        Line("  backbone:"),
        *(Line(f"  - {flow(each.entry)}", each.argument, str(each.entry["label"])) for each in encoders),
        Line(f"  dataset: [{flow(data)}]", f"--data {asked.data}", str(data["label"])),
        Line("budget: {epochs: 20}  # of methods that train; to change it makes all scores anew"),
        Line("evaluators:"),
        *(Line(f"  {flow(label)}: {flow(options)}", f"--evaluators {label}") for label, options in scores.items()),
    ]


def in_arguments(message: str, file: Path, lines: Sequence[Line]) -> str:
    """A message about lines of the suite as one about the arguments that they are from."""
    return "\n".join(_in_argument(each, file, lines) for each in message.split("\n"))


def _in_argument(message: str, file: Path, lines: Sequence[Line]) -> str:
    place = re.match(rf"{re.escape(str(file))}:(\d+): ", message)
    if not place:
        return message
    line, rest = lines[int(place[1]) - 1], message[place.end() :]
    return f"{line.argument}: {rest.removeprefix(f'{line.label}: ')}" if line.argument else rest
