"""The registry of components by name. The module of a component is imported only when the component is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from functools import cache
from typing import Any, Literal, get_args

from harness.base.errors import UsageError, nearest
from harness.plugins import local_files
from harness.plugins.manager import Origin, Plugins, Problem, bundled, installed_plugins
from harness.plugins.options import NoOptions, added_to, fields_of
from harness.plugins.published import Published, misstated

Kind = Literal["method", "backbone", "dataset", "evaluator", "optimizer", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OTHER = "other"  # the family of what says none, as the hook has it
OF = "of"  # in a suite, the data sets that a data set is made of
FOLDER = "/"  # in what a data set reads
SUITE_KEYS: Mapping[Kind, tuple[str, ...]] = {  # of an entry in a suite, which so cannot be options of its component
    "method": ("use", "label", "budget", "start"),
    "backbone": ("use", "label", "budget"),
    "dataset": ("use", "label", "budget"),
    "evaluator": ("use", "only", "data", "curve", "judge"),
    "optimizer": ("use",),
    "executor": ("use",),
}
MODAL: tuple[Kind, ...] = ("dataset", "backbone")  # which have to do with one kind of sample


@dataclass(frozen=True)
class Spec:
    """A registered component."""

    kind: Kind
    name: str
    target: str
    config: type
    origin: Origin
    summary: str = ""
    paper: str = ""
    budget: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    modality: str = ""  # that a data set gives, or a backbone takes
    reads: tuple[str, ...] = ()  # of a data set: what its option `path` may be, FOLDER or endings of files
    family: str = OTHER  # what it is listed with; any words
    combines: bool = False  # of a data set: whether it is made of others, which its entry in a suite names

    @property
    def qualified(self) -> str:
        """Its name where another distribution has registered the same."""
        return f"{self.origin.distribution}:{self.name}"

    @property
    def unique(self) -> str:
        """A name that no other of its kind can have: the plain one is kept for those that come with harness."""
        return self.name if self.origin.distribution in bundled() else self.qualified

    def load(self) -> Any:
        """Import and return what `target` names. Raises UsageError that names the plugin if that fails."""
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # whatever a stranger's module raises
            reason = (
                str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
            )
            said = f"{self.kind} '{self.name}' of {self.origin} cannot be loaded: {reason}{local_files.hint(error)}"
            raise UsageError(said) from error


class Registry:
    """All components by kind and name.

    A name that one distribution registered is plain. Where several did, it stays with the bundled one, so that no
    stranger changes what a suite means; else it is ambiguous. The others are written `distribution:name`.
    """

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self._specs: dict[Kind, dict[str, list[Spec]]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            for origin, implementation in plugins.implementations(f"register_{kind}s"):
                plugins.call(f"register_{kind}s", origin, implementation, self._registrar(kind, origin))
        self._written = {kind: dict(self._names(kind)) for kind in KINDS}

    @property
    def problems(self) -> list[Problem]:
        return self.plugins.problems

    def named(self, kind: Kind) -> dict[str, Spec]:
        """All components of a kind by the name that a suite calls them, sorted."""
        return dict(sorted(self._written[kind].items()))

    def all(self, kind: Kind) -> list[Spec]:
        return list(self.named(kind).values())

    def published(self) -> list[Published]:
        """What all components state."""
        return [
            self._of_before(each.stated_by(kind, spec.name, spec.origin.distribution))
            for kind in KINDS
            for spec in self.all(kind)
            for each in spec.published
        ]

    def _of_before(self, published: Published) -> Published:
        """It is of components as they were before they got further options, unless it says otherwise."""
        specs = ((kind, self.find(kind, str(published.setting.get(kind, "")))) for kind in KINDS)
        added = {
            f"{kind}.{name}": value for kind, spec in specs if spec for name, value in added_to(spec.config).items()
        }
        return replace(published, setting={**added, **published.setting})

    def find(self, kind: Kind, name: str) -> Spec | None:
        """What a plain name or `distribution:name` means, or None."""
        distribution, colon, plain = name.rpartition(":")
        if not colon:
            return self._written[kind].get(name)
        return next(
            (each for each in self._specs[kind].get(plain, []) if each.origin.distribution == distribution), None
        )

    def get(self, kind: Kind, name: str) -> Spec:
        """What a plain name or `distribution:name` means.

        Raises UsageError with the nearest known name, or with all that an ambiguous one can mean.
        """
        if spec := self.find(kind, name):
            return spec
        if several := self._specs[kind].get(name):
            meant = " or ".join(f"'{each.qualified}' for that of {each.origin.place}" for each in several)
            raise UsageError(
                f"the {kind} '{name}' is in {len(several)} plugins, so the name alone does not say which one you mean. "
                f"Instead of '{name}', write {meant}."
            )
        raise UsageError(f"there is no {kind} '{name}'.{nearest(name.rpartition(':')[2], self._written[kind])}")

    def _names(self, kind: Kind) -> Iterator[tuple[str, Spec]]:
        """What each component is called; reports those that have to be called by more than their name."""
        for name, specs in self._specs[kind].items():
            plain = owner(specs)
            for spec in specs:
                yield (name if spec is plain else spec.qualified), spec
                if spec is not plain:
                    others = ", ".join(str(each.origin) for each in ([plain] if plain else specs) if each is not spec)
                    what = f"stays with the bundled {others}" if plain else f"is registered by {others} too"
                    message = f"{kind} '{name}' {what}: this one is '{spec.qualified}'"
                    advice = (
                        f"A suite has to say '{spec.qualified}'; or do without it: --no-plugins={spec.origin.plugin}"
                    )
                    self.plugins.problems.append(Problem(spec.origin, message, advice))

    def _registrar(self, kind: Kind, origin: Origin) -> Any:
        def register(
            name: str,
            target: str,
            config: type = NoOptions,
            *,
            summary: str = "",
            paper: str = "",
            budget: Mapping[str, Any] | None = None,
            published: Sequence[Published] = (),
            modality: str = "",
            reads: Sequence[str] = (),
            family: str = OTHER,
            combines: bool = False,
        ) -> None:
            texts = {"name": name, "summary": summary, "paper": paper, "modality": modality, "family": family}
            mistake = (
                misregistered(texts, target, config)
                or with_keys_of_suites(kind, config, (OF,) if combines else ())
                or combining(kind, combines)
                or without_modality(kind, modality)
                or unreadable(kind, config, reads)
                or misstated(published)
                or self._taken(kind, name, origin)
            )
            if mistake:
                self.plugins.problems.append(Problem(origin, f"{kind} '{name}' {mistake}"))
                return
            recipe = dict(budget or {})
            stated = (tuple(published), modality, tuple(reads), family or OTHER, combines)
            spec = Spec(kind, name, target, config, origin, summary, paper, recipe, *stated)
            self._specs[kind].setdefault(name, []).append(spec)

        return register

    def _taken(self, kind: Kind, name: str, origin: Origin) -> str:
        """By the same distribution, so that not even `distribution:name` tells which is meant."""
        same = [s for s in self._specs[kind].get(name, []) if s.origin.distribution == origin.distribution]
        return f"is already registered by {same[0].origin}" if same else ""


def owner(specs: Sequence[Spec]) -> Spec | None:
    """The spec that a plain name refers to among those registered under it: the only one, or else the bundled one."""
    if len(specs) == 1:
        return specs[0]
    return next((spec for spec in specs if spec.origin.distribution in bundled()), None)


def misregistered(texts: Mapping[str, Any], target: Any, config: Any) -> str:
    """What is wrong with what a plugin registers, or ""."""
    for what, text in texts.items():
        if not isinstance(text, str) or not (text or what != "name"):
            return f"is registered with the {what} {text!r}, which is no text"
    if ":" in texts["name"]:
        return "is registered with a ':', which parts a distribution from a name"
    if not isinstance(target, str) or target.count(":") != 1:
        return f"is registered with {target!r}, which is not 'package.module:attribute'"
    if not (isinstance(config, type) and is_dataclass(config)):
        return f"is registered with options {config!r}, which are no dataclass"
    try:
        fields_of(config)
    except Exception as error:  # noqa: BLE001 (annotations are code of the plugin's)
        return f"has options whose types cannot be read: {error}"
    return ""


def with_keys_of_suites(kind: Kind, config: type, further: tuple[str, ...] = ()) -> str:
    """What is wrong with the names of a component's options, or ""."""
    kept = [name for name in fields_of(config) if name in (*SUITE_KEYS[kind], *further)]
    return f"has the option '{kept[0]}', which in a suite means something else: call it by another name" if kept else ""


def combining(kind: Kind, combines: Any) -> str:
    """What is wrong with saying that a component is made of others, or ""."""
    return "is registered with combines, which only data sets have" if combines and kind != "dataset" else ""


def without_modality(kind: Kind, modality: str) -> str:
    """What is wrong with the modality that a component is registered with, or ""."""
    if kind in MODAL and not modality:
        return "is registered without a modality: say modality='images', or what its samples are"
    if modality and kind not in MODAL:
        return "is registered with a modality, which only data sets and backbones have"
    return ""


def unreadable(kind: Kind, config: type, reads: Any) -> str:
    """What is wrong with what a component is registered to read, or ""."""
    if isinstance(reads, str) or not all(isinstance(each, str) and each[:1] in (".", FOLDER) for each in reads):
        return f"is registered to read {reads!r}, which is not a list of '{FOLDER}' and endings such as '.csv'"
    if reads and (kind != "dataset" or "path" not in fields_of(config)):
        return "is registered to read files, for which a data set has an option 'path'"
    return ""


@cache
def registry() -> Registry:
    """The components of all installed plugins."""
    return Registry(installed_plugins())
