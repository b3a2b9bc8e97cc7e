"""Loads a file of weights into a backbone: all tensors of the backbone, or one message that says why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.weight_files import Opened, open_weights
from harness.learning.weight_search import Candidate, Wanted, candidates, choose_candidate, further_tensors
from harness.suite.weights import Weights, digest_of

LISTED = 3  # names in a message or a record, of what may be thousands


def start_from(backbone: nn.Module, weights: Weights) -> dict[str, Any]:
    """Give the backbone the weights of a file; what a record says of it.

    Raises UsageError, and changes nothing, if the file is another than when the suite was read, is no file of weights,
    or does not fit.
    """
    file = weights.file
    try:
        found = digest_of(file)
        if found != weights.digest:
            raise UsageError(
                f"{file} has changed since the suite was read: its SHA-256 was {weights.digest[:12]}, and is "
                f"{found[:12]}. Run again."
            )
        with open_weights(file) as content:
            return _start(backbone, weights, content)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}.") from error


def _start(backbone: nn.Module, weights: Weights, content: Opened) -> dict[str, Any]:
    wanted = Wanted(tensors_of(backbone), getattr(backbone, "weight_names", ()))
    try:
        chosen, others = _choose(wanted, weights, content)
        taken = {name: _number(name, wanted, chosen) for name in wanted.fitting(chosen)}
    except UsageError as error:
        raise UsageError(f"{weights.file} cannot be used: {error}") from error
    with torch.no_grad():
        for name, value in taken.items():
            wanted.tensors[name].copy_(value)
    return _record(backbone, weights, content, wanted, chosen, others, set(taken))


def tensors_of(backbone: nn.Module) -> dict[str, Tensor]:
    """What its state dict has, as it is in the network."""
    return {name: each for name, each in backbone.state_dict(keep_vars=True).items() if isinstance(each, Tensor)}


def _choose(wanted: Wanted, weights: Weights, content: Opened) -> tuple[Candidate, list[Candidate]]:
    if not content.states:
        raise UsageError("it holds no tensors by name.")
    found = candidates(content, wanted, weights.key, weights.prefix)
    if not found:
        raise UsageError(_nothing(wanted, weights, content))
    complete = [each for each in found if wanted.complete(each)]
    deeper = {
        each: rest for each in complete if weights.strict and (rest := further_tensors(content.states[each.key], each))
    }
    whole = [each for each in complete if each not in deeper]
    if not whole and deeper:
        best, rest = next(iter(deeper.items()))
        raise UsageError(
            f"it is of a deeper network: it has {len(rest)} further tensors in parts of the backbone "
            f"({_first_names(rest)}). The match has {best.title()}. 'strict: false' loads the tensors that fit."
        )
    if whole:
        chosen, others = choose_candidate(whole, wanted, of_cell=content.of_cell)
        if weights.strict and (other := wanted.unreadable(chosen)):
            kinds = [f"{name} is {chosen.tensors[name].kind}, not {_kind(wanted.tensors[name])}" for name in other]
            raise UsageError(
                f"{len(other)} of {len(wanted.required)} tensors cannot be converted ({_first_names(kinds)}), as those "
                "of a quantised model."
            )
        return chosen, others
    most = len(wanted.fitting(found[0]))
    if weights.strict or not most:
        raise UsageError(_misfit(wanted, content, found[0]))
    return choose_candidate(
        [each for each in found if len(wanted.fitting(each)) == most], wanted, of_cell=content.of_cell
    )


def _number(name: str, wanted: Wanted, chosen: Candidate) -> Tensor:
    """A tensor of the file as the network has it. Raises UsageError if there is something else in it than numbers."""
    value = chosen.tensors[name].read().to(wanted.tensors[name].dtype)
    if not value.isfinite().all():
        raise UsageError(f"{name} has values that are not finite.")
    return value


def _nothing(wanted: Wanted, weights: Weights, content: Opened) -> str:
    """Why no tensor has a name that the backbone has."""
    if weights.prefix is not None:
        other = candidates(content, wanted, weights.key, None)
        hint = f" The best match has {other[0].title()}." if other else ""
        return f"after the prefix '{weights.prefix}' it has none of the backbone's tensors.{hint}"
    there = [name for state in content.states.values() for name in state]
    return (
        f"it has none of the backbone's {len(wanted.required)} tensors ({_first_names(wanted.required)}), but "
        f"{len(there)} others ({_first_names(there)})."
    )


def _misfit(wanted: Wanted, content: Opened, best: Candidate) -> str:
    """What is wrong with the place that fits best."""
    missing, shapes = wanted.missing(best), wanted.misshapen(best)
    left = left_over(content, best)
    parts = []
    if missing:
        parts.append(f"{len(missing)} of {len(wanted.required)} tensors are missing ({_first_names(missing)})")
    if shapes:
        each = [
            f"{name} is {_sides(best.tensors[name].shape)} instead of {_sides(wanted.tensors[name].shape)}"
            for name in shapes
        ]
        parts.append(f"{len(shapes)} of {len(wanted.required)} have another shape ({_first_names(each)})")
    if left:
        parts.append(f"left over are {len(left)} ({_first_names(left)})")
    advice = (
        " An option of the backbone or the size of the pictures may change its shapes "
        "('harness show' lists the options)."
        if shapes
        else ""
    )
    advice += (
        " 'strict: false' loads the tensors that fit and leaves the others random." if wanted.fitting(best) else ""
    )
    return f"{'; '.join(parts)}. The best match has {best.title()}.{advice}"


def left_over(content: Opened, chosen: Candidate) -> list[str]:
    """The names that are not taken from the same mapping; those beside the backbone come first."""
    others = [name for name in content.states[chosen.key] if name not in chosen.sources]
    return sorted(others, key=lambda name: not name.startswith(chosen.prefix))


def _record(
    backbone: nn.Module,
    weights: Weights,
    content: Opened,
    wanted: Wanted,
    chosen: Candidate,
    others: Sequence[Candidate],
    taken: set[str],
) -> dict[str, Any]:
    """`notes`: what a user should see before anything trains."""
    required = wanted.required
    sizes = {name: parameter.numel() for name, parameter in backbone.named_parameters()}
    share = sum(size for name, size in sizes.items() if name in taken) / max(1, sum(sizes.values()))
    kinds = {chosen.tensors[name].kind for name in taken if chosen.tensors[name].kind != _kind(wanted.tensors[name])}
    number = len(taken.intersection(required))
    left = left_over(content, chosen)
    notes = []
    if number < len(required):
        absent = [name for name in required if name not in taken]
        notes.append(
            f"{number} of {len(required)} tensors, {100 * share:.1f} % of the parameters, are from "
            f"{weights.file.name}; not {_first_names(absent)}"
        )
    if kinds:
        notes.append(f"{', '.join(sorted(kinds))} in {weights.file.name} became {_kind(next(backbone.parameters()))}")
    if others:
        also = "; ".join(each.title() for each in others)
        notes.append(f"{weights.file.name} has several networks: taken is {chosen.title()}, and not {also}")
    return {
        "file": weights.file.name,
        "digest": weights.digest,
        "key": chosen.key,
        "prefix": chosen.prefix,
        "tensors": number,
        "of_tensors": len(required),
        "share_of_parameters": share,
        "left_over": len(left),
        "left_over_first": left[:LISTED],
        "notes": notes,
    }


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _sides(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "a single number"


def _first_names(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:LISTED])
    return shown + (", ..." if len(names) > LISTED else "")
