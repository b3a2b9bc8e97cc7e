"""Finds the tensors of a network in a file of weights: in which mapping, after which prefix, under which names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from harness.base.errors import UsageError, nearest
from harness.learning.weight_files import Opened, Stored

Layout = Callable[[str], str]  # from the name of a tensor here to its name in files of one kind

COUNTED = "num_batches_tracked"  # of a batch norm: older files lack it
WRAPPERS = ("_orig_mod",)  # of torch.compile, anywhere in a name; DDP's `module.` is a prefix like any other
EVALUATED = (  # of two networks that a training has, the one that its paper evaluates, then the other
    ("encoder_q", "encoder_k"),
    ("base_encoder", "momentum_encoder"),
    ("teacher", "student"),
    ("teacher_backbone", "student_backbone"),
    ("backbone", "backbone_momentum"),
    ("backbone", "momentum_backbone"),
    ("encoder", "momentum_encoder"),
    ("online_encoder", "target_encoder"),
    ("state_dict_ema", "state_dict"),
)
CELLS = "backbone."  # in the model of a cell
FLOATS = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place in a file. `tensors`: by their names here, those that are there. `sources`: their names in the file."""

    key: str
    prefix: str
    layout: int
    tensors: Mapping[str, Stored]
    sources: frozenset[str] = field(default_factory=frozenset)

    def title(self) -> str:
        parts = [f"key '{self.key}'"] if self.key else []
        return ", ".join([*parts, f"prefix '{self.prefix}'" if self.prefix else "no prefix"])

    def path(self) -> tuple[str, ...]:
        """What its key and prefix are made of, less what only says how a network was wrapped."""
        return tuple(part for part in f"{self.key}.{self.prefix}".split(".") if part and part != "module")


@dataclass(frozen=True)
class Wanted:
    """The tensors of a network by name, and the names that they have in files of other kinds."""

    tensors: Mapping[str, torch.Tensor]
    layouts: Sequence[Layout]

    @property
    def required(self) -> list[str]:
        return [name for name in self.tensors if not counts(name)]

    def missing(self, found: Candidate) -> list[str]:
        return [name for name in self.required if name not in found.tensors]

    def misshapen(self, found: Candidate) -> list[str]:
        stored = found.tensors
        return [n for n in self.required if n in stored and stored[n].shape != tuple(self.tensors[n].shape)]

    def unreadable(self, found: Candidate) -> list[str]:
        """What is there in the right shape, but is no number of the right kind."""
        stored = found.tensors
        return [n for n in self.required if n in stored and not convertible(stored[n].kind, self.tensors[n].dtype)]

    def fitting(self, found: Candidate) -> list[str]:
        """The names of what can be taken."""
        return [name for name, stored in found.tensors.items() if self.fits(name, stored)]

    def fits(self, name: str, stored: Stored) -> bool:
        return stored.shape == tuple(self.tensors[name].shape) and convertible(stored.kind, self.tensors[name].dtype)

    def complete(self, found: Candidate) -> bool:
        return not self.missing(found) and not self.misshapen(found)


def further_tensors(state: Mapping[str, Stored], found: Candidate) -> list[str]:
    """What a file has beside the tensors of a place in the same parts of the network, such as layer1: it is of a
    deeper one. A head, such as fc, is a part of its own."""
    inside = {
        name: _unwrap(name).removeprefix(found.prefix) for name in state if _unwrap(name).startswith(found.prefix)
    }
    parts = {inside[source].partition(".")[0] for source in found.sources if "." in inside[source]}
    return [
        name
        for name, short in inside.items()
        if name not in found.sources and "." in short and short.partition(".")[0] in parts and not counts(name)
    ]


def counts(name: str) -> bool:
    return name.rpartition(".")[2] == COUNTED


def convertible(kind: str, dtype: torch.dtype) -> bool:
    """Whether numbers of a kind may become those of a network: floats become floats, and whole numbers whole ones."""
    if dtype.is_floating_point:
        return kind in FLOATS
    return kind == str(dtype).removeprefix("torch.")


def candidates(file: Opened, wanted: Wanted, key: str | None, prefix: str | None) -> list[Candidate]:
    """All places that have a tensor of the network, those with the most first. Raises UsageError for a `key` that there
    is not."""
    if key is not None and key not in file.states:
        keys = [name for name in file.states if name]
        raise UsageError(f"it has no tensors at the key '{key}'.{nearest(key, keys)}")
    chosen = file.states if key is None else {key: file.states[key]}
    found = [each for name, state in chosen.items() for each in _places(name, state, wanted, prefix)]
    return sorted(found, key=lambda each: (-len(wanted.fitting(each)), -len(each.tensors)))


def _places(key: str, state: Mapping[str, Stored], wanted: Wanted, prefix: str | None) -> Iterator[Candidate]:
    names = {_unwrap(name): name for name in state}
    fixed = None if prefix is None else _unwrap(prefix)
    for number, layout in enumerate([_same, *wanted.layouts]):
        here = {layout(name): name for name in wanted.tensors}
        found: dict[str, dict[str, str]] = {}
        for name, source in names.items():
            for before, rest in _splits(name) if fixed is None else [(fixed, name.removeprefix(fixed))]:
                if rest in here and name == before + rest:
                    found.setdefault(before, {})[here[rest]] = source
        for before, taken in found.items():
            tensors = {name: state[place] for name, place in taken.items()}
            yield Candidate(key, before, number, tensors, frozenset(taken.values()))


def _same(name: str) -> str:
    return name


def _unwrap(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """'a.b.c' -> ('', 'a.b.c'), ('a.', 'b.c'), ('a.b.', 'c')"""
    yield "", name
    for at, letter in enumerate(name):
        if letter == ".":
            yield name[: at + 1], name[at + 1 :]


def choose_candidate(found: Sequence[Candidate], wanted: Wanted, *, of_cell: bool) -> tuple[Candidate, list[Candidate]]:
    """Of several places that serve as well, the one that is evaluated, and the others. Raises UsageError if no rule
    says which."""
    left = list(found)
    if of_cell and any(each.prefix == CELLS for each in left):
        left = [each for each in left if each.prefix == CELLS]
    left = [each for each in left if not any(_instead(other, each) for other in found)]
    first, *others = left
    others = [each for each in others if not _equal(first, each, wanted)]
    if others:
        places = "; ".join(each.title() for each in (first, *others))
        raise UsageError(f"the backbone can be found in several places: {places}. Say which one by 'key' and 'prefix'.")
    return first, [each for each in found if each is not first and not _equal(first, each, wanted)]


def _instead(one: Candidate, other: Candidate) -> bool:
    """Whether the first is evaluated where a file has both."""
    return any(
        better in one.path() and one.path() == tuple(better if part == worse else part for part in other.path())
        for better, worse in EVALUATED
        if worse in other.path()
    )


def _equal(one: Candidate, other: Candidate, wanted: Wanted) -> bool:
    """Whether two places hold the same numbers, as when a network is part of another."""
    return one.tensors.keys() == other.tensors.keys() and all(
        stored is other.tensors[name] or torch.equal(stored.read(), other.tensors[name].read())
        for name, stored in one.tensors.items()
        if wanted.fits(name, stored)
    )
