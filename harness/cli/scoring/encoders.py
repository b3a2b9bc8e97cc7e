"""Converts ENCODER and --backbone to entries of a suite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple, get_args

from harness.base.errors import UsageError, nearest
from harness.cli.scoring.arguments import absolute, entry_of, path_of
from harness.plugins.options import fields_of
from harness.plugins.registry import Registry, Spec
from harness.suite.weights import KEY, address, no_file

MODEL, PRETRAINED = "model", "pretrained"  # options of a backbone that is a library of models
TAG = re.compile(r"\w+")  # a name of weights, and no path


class Encoder(NamedTuple):
    """An entry of the matrix, and its backbone."""

    argument: str
    entry: Mapping[str, Any]
    spec: Spec


def encoder(argument: str, backbone: str | None, known: Registry) -> Encoder:
    """FILE, BACKBONE:FILE, LIBRARY:MODEL[:WEIGHTS] or LIBRARY:MODEL:FILE. Raises UsageError."""
    if found := split_backbone(argument, known):
        spec, rest = found
        return Encoder(argument, {"use": spec.unique, "label": argument, **_start(argument, spec, rest)}, spec)
    if address(argument):
        raise UsageError(f"{argument}: an encoder is a file here, not an address: download it and give its path.")
    _require_file(argument, known)
    if backbone is None:
        raise UsageError(
            f"{argument}: which network are these weights for? Write --backbone NAME, or NAME:{argument}. Backbones: "
            f"{', '.join(known.named('backbone'))}."
        )
    try:
        spec, options = _backbone(backbone, known)
    except UsageError as error:
        raise UsageError(f"--backbone {backbone}: {error}") from error
    return Encoder(argument, {"use": spec.unique, "label": argument, **options, KEY: absolute(argument)}, spec)


def split_backbone(argument: str, known: Registry) -> tuple[Spec, str] | None:
    """The backbone that an encoder's argument begins with, and what follows."""
    if path_of(argument).exists():
        return None
    return next(
        (
            (spec, argument[at.end() :])
            for at in re.finditer(":", argument)
            if (spec := known.find("backbone", argument[: at.start()]))
        ),
        None,
    )


def _require_file(argument: str, known: Registry) -> None:
    """Raises UsageError for what is no file."""
    if (file := path_of(argument)).exists():
        return
    before, colon, _ = argument.partition(":")
    if colon:
        raise UsageError(f"{argument}: there is no backbone '{before}'.{nearest(before, known.named('backbone'))}")
    if spec := known.find("backbone", argument):
        form = "MODEL" if MODEL in fields_of(spec.config) else "FILE"
        raise UsageError(f"{argument}: this is a backbone, whose weights are random: write {argument}:{form}.")
    raise UsageError(f"{argument}: {no_file(file)}")


def _start(argument: str, spec: Spec, rest: str) -> dict[str, Any]:
    """The options of an entry that follow from the argument: the model of a library, and its weights."""
    options = fields_of(spec.config)
    if MODEL not in options:
        return {KEY: absolute(rest)}
    model, colon, start = rest.partition(":")
    if colon and (path_of(start).exists() or not TAG.fullmatch(start)):
        return {MODEL: model, KEY: absolute(start)}
    if PRETRAINED not in options:
        raise UsageError(f"{argument}: {spec.name} has only random weights: write {spec.name}:{model}:FILE.")
    if colon:
        return {MODEL: model, PRETRAINED: start}
    kind = options[PRETRAINED]
    if kind is not bool and bool not in get_args(kind):
        raise UsageError(
            f"{argument}: which weights? Write {argument}:NAME. 'harness show backbone {spec.name}' says of "
            f"'{PRETRAINED}': {_help(spec, PRETRAINED)}."
        )
    return {MODEL: model, PRETRAINED: True}


def _backbone(text: str, known: Registry) -> tuple[Spec, dict[str, Any]]:
    """NAME, LIBRARY:MODEL, or an entry as a suite has it. Raises UsageError."""
    if text.startswith("{"):
        entry = entry_of(text)
        return known.get("backbone", entry.pop("use")), entry
    if spec := known.find("backbone", text):
        return spec, {}
    name, colon, model = text.partition(":")
    spec = known.get("backbone", name if colon else text)
    if colon and MODEL not in fields_of(spec.config):
        raise UsageError(f"{spec.name} is one network, and has no '{MODEL}' to choose.")
    return spec, {MODEL: model}


def require_fit(encoder: Encoder, data: Spec, known: Registry) -> None:
    """Raises UsageError if the network does not take what the data set gives."""
    if encoder.spec.modality == data.modality:
        return
    fitting = [name for name, spec in known.named("backbone").items() if spec.modality == data.modality]
    hint = f"Backbones for {data.modality}: {', '.join(fitting)}" if fitting else "No installed backbone takes these"
    raise UsageError(
        f"{encoder.argument}: {encoder.spec.name} takes {encoder.spec.modality}, and the data set {data.name} gives "
        f"{data.modality}. {hint}."
    )


def _help(spec: Spec, name: str) -> str:
    return str(next(each.metadata.get("help", "") for each in fields(spec.config) if each.name == name))
