"""The weights that timm publishes: which a name means, where their file is, and how pictures are prepared for them."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import timm
import torch
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from timm.data.config import resolve_model_data_config

from harness import ImageShape, Preprocessing, UsageError, nearest

PATIENCE = 10.0  # seconds for a server to answer
FILES = ("model.safetensors", "pytorch_model.bin")  # of a repository of the hub, in timm's own order


def full_name(model: str) -> str:
    """With its tag, where timm knows it: resnet18.a1_in1k for resnet18."""
    try:
        published = timm.get_pretrained_cfg(model)
    except RuntimeError:  # there is no such tag
        return model
    return f"{published.architecture}.{published.tag}" if published and published.tag else model


def with_weights(model: str, given: ImageShape) -> Any:
    """timm's network with its published weights and without its classifier, for pictures of the shape `given`. Its
    `preprocessing` is that of its data config.

    Raises UsageError for weights that there are not, that are neither here nor to be fetched, or that do not fit.
    """
    name = full_name(model)
    published: Any = timm.get_pretrained_cfg(model)
    if published is None or not published.has_weights:
        raise UsageError(f"timm has no weights of '{model}'.{nearest(model, timm.list_models(pretrained=True))}")
    file = _hub_file(published) if published.hf_hub_id else _torch_file(published.url, name)
    network = _loaded(name, file)
    config = resolve_model_data_config(network)
    network.preprocessing = _preprocessing(config)
    notes = [*_not_as_published(file), *_stretched(config, given)]
    hub = {"revision": file.parent.name} if published.hf_hub_id else {}
    network.started_from = {"name": f"timm's {name}", "file": file.name, "digest": _digest(file), **hub, "notes": notes}
    return network


def check_tag(model: str) -> None:
    """Raises UsageError for a name with a tag that timm does not have."""
    try:
        timm.get_pretrained_cfg(model)
    except RuntimeError as error:
        name, _, tag = model.partition(".")
        known = [each.partition(".")[2] for each in timm.list_models(f"{name}.*", include_tags=True)]
        raise UsageError(f"timm has no weights '{tag}' of '{name}'.{nearest(tag, known)}") from error


def _loaded(name: str, file: Path) -> Any:
    """With its classifier at first: only then timm refuses a file in which a tensor is missing."""
    read = {"file": str(file), "custom_load": False}
    try:
        if file.suffix != ".safetensors":
            torch.load(file, map_location="cpu", weights_only=True)  # older versions of timm run what a pickle names
        network: Any = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=read)
        network.reset_classifier(0)
    except Exception as error:  # each family of models reads files in its own way
        whole = file.parents[2] if file.parent.parent.name == "snapshots" else file  # with the file that it links to
        reason = _short(error).partition(". ")[0]
        raise UsageError(
            f"{file} cannot be used: {reason}. If it is damaged, delete {whole}: it is fetched again."
        ) from error
    return network


def _preprocessing(config: dict[str, Any]) -> Preprocessing:
    shape = ImageShape(*config["input_size"])
    height, width = (math.floor(side / config["crop_pct"]) for side in shape[1:])  # as timm rounds it
    resize = height if _keeps_proportions(config) else (height, width)
    return Preprocessing(shape, tuple(config["mean"]), tuple(config["std"]), config["interpolation"], resize)


def _keeps_proportions(config: dict[str, Any]) -> bool:
    _, height, width = config["input_size"]
    return config["crop_mode"] == "center" and height == width


def _stretched(config: dict[str, Any], given: ImageShape) -> list[str]:
    """A note where timm would pad pictures, or resize them to other proportions than the network's."""
    _, height, width = config["input_size"]
    if config["crop_mode"] == "squash" or _keeps_proportions(config) or given.height * width == given.width * height:
        return []
    return [f"pictures of {given.height}x{given.width} are stretched to {height}x{width}, and timm would not do so"]


def _hub_file(published: Any) -> Path:
    """In the cache of the Hugging Face hub, which is asked only for what is not there."""
    repository, _, revision = published.hf_hub_id.partition("@")
    names = (published.hf_hub_filename,) if published.hf_hub_filename else FILES
    wanted = (repository, revision or None, names)
    if found := _cached(*wanted):
        return found
    reason = _fetch(*wanted)
    if found := _cached(*wanted):
        return found
    at = f" --revision {revision}" if revision else ""
    raise UsageError(
        f"there is no file {names[0]} of {repository} in {constants.HF_HUB_CACHE}, and it cannot be fetched "
        f"({reason}): run 'hf download {repository} {names[0]}{at}' on another machine, and copy the folder "
        f"models--{repository.replace('/', '--')} of its cache there."
    )


def _cached(repository: str, revision: str | None, names: Sequence[str]) -> Path | None:
    for name in names:
        with suppress(LocalEntryNotFoundError):
            return Path(hf_hub_download(repository, name, revision=revision, local_files_only=True))
    return None


@cache
def _fetch(repository: str, revision: str | None, names: Sequence[str]) -> str:
    """Why it failed; "" if it did not. Once in a process: each method on each data set would wait for the same."""
    reason = "the hub has no such file"
    for name in names:
        try:
            get_hf_file_metadata(hf_hub_url(repository, name, revision=revision))  # hf_hub_download repeats for 20 s
            hf_hub_download(repository, name, revision=revision)
        except LocalEntryNotFoundError as error:
            return _short(error.__cause__ or error)
        except EntryNotFoundError:
            continue
        except Exception as error:  # noqa: BLE001 (of the hub, of its client and of the system)
            return _short(error)
        return ""
    return reason


def _torch_file(url: str, name: str) -> Path:
    """In torch's cache: some weights are not on the hub."""
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    if not file.exists():
        try:
            with urlopen(Request(url, method="HEAD"), timeout=PATIENCE):  # torch would wait for minutes
                pass
            torch.hub.load_state_dict_from_url(url, map_location="cpu", progress=False, check_hash=True)
        except Exception as error:
            raise UsageError(
                f"there is no file {file.name} of timm's '{name}' in {file.parent}, and it cannot be fetched "
                f"({_short(error)}): get it from {url} on another machine, and put it there."
            ) from error
    return file


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _not_as_published(file: Path) -> list[str]:
    """A note, if its digest is another than the cache calls it: the hub's by a link to it, torch's in its name."""
    promised = re.fullmatch("([0-9a-f]{64})", file.resolve().name) or re.search(r"-([0-9a-f]{8,})\.", file.name)
    digest = _digest(file)
    if not promised or digest.startswith(promised[1]):
        return []
    said = f"its SHA-256 begins with {digest[:8]}, not with {promised[1][:8]}"
    return [f"{file.name} is not the file that timm publishes: {said}"]


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
